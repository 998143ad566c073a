-- +goose Up
create table pages (
	id bigint generated always as identity primary key,
	title text not null check (octet_length(title) between 1 and 240),
	folded text not null unique,
	protection text not null default '' check (protection in ('', 'moderators', 'frozen')),
	latest bigint,
	revisions bigint not null default 0,
	search tsvector
);
comment on table pages is 'Revisioned pages, once for all: policies, proposals, help, members. Written by governance/pages.';
comment on column pages.folded is 'the title in lower case, so that two pages do not differ by case alone';
comment on column pages.protection is 'who may edit: everybody with the right, moderators, or nobody while a poll is open (frozen)';
comment on column pages.latest is 'the revision that is shown';
create index pages_search on pages using gin (search);

create table revisions (
	id bigint generated always as identity primary key,
	page bigint not null references pages,
	number bigint not null check (number > 0),
	parent bigint references revisions,
	author text not null,
	at timestamptz not null,
	summary text not null check (octet_length(summary) <= 1000),
	body text,
	html text,
	size integer not null check (size >= 0),
	delta integer not null,
	salt bytea not null check (octet_length(salt) = 16),
	digest bytea not null check (octet_length(digest) = 32),
	hidden text not null default '',
	unique (page, number)
);
comment on table revisions is 'Saved texts. A revision never changes; hiding empties the text and keeps its digest.';
comment on column revisions.html is 'body, rendered and sanitised once when it was saved';
comment on column revisions.digest is 'SHA-256 of salt and body; what the log holds';
comment on column revisions.hidden is 'the reason why the text was hidden, or empty';
alter table pages add constraint pages_latest foreign key (latest) references revisions;

create table policy_values (
	key text not null,
	version bigint not null check (version > 0),
	value text not null check (octet_length(value) <= 4000),
	at timestamptz not null,
	decided_by text not null,
	primary key (key, version)
);
comment on table policy_values is 'Numbers and words that the community votes on; the highest version is in force. Written by governance/policies.';
comment on column policy_values.decided_by is 'reference of the proposal, or founding';

create table founding (
	one boolean primary key default true check (one),
	secret bytea not null check (octet_length(secret) = 32),
	founder bigint,
	at timestamptz
);
comment on table founding is 'SHA-256 of the one-time founding secret, and who used it.';
