-- +goose Up
create table key_marks (
	name text primary key check (octet_length(name) between 1 and 64),
	mark bytea not null check (octet_length(mark) = 32),
	at timestamptz not null
);
comment on table key_marks is 'By what the keys of this community are recognised, so that a server with other keys is refused at its start. Housekeeping. Written by governance/keys/marks only.';
comment on column key_marks.mark is 'SHA-256 of the public half, or of the key where there is none; nothing can be opened with it';
