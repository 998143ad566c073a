-- +goose Up
alter table pages add column protection_reason text not null default '' check (octet_length(protection_reason) <= 2000);
alter table pages add column protection_salt bytea not null default '';
comment on column pages.protection_reason is 'why only moderators may edit the page, said by the moderator who protected it';
comment on column pages.protection_salt is 'of the digest of the reason that the log holds';
