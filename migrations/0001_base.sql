-- +goose Up
create table audit_entries (
	id bigint generated always as identity primary key,
	idx bigint unique check (idx >= 0),
	at timestamptz not null,
	kind text not null check (kind <> ''),
	actor text not null check (actor <> ''),
	subject text not null check (subject <> ''),
	refs text[] not null,
	data bytea not null check (octet_length(data) between 2 and 65535)
);
comment on table audit_entries is 'The trail. An act writes one row in its own transaction; the sequencer gives it its place in the log. Written by governance/audit only.';
comment on column audit_entries.idx is 'position in the log; null until the sequencer has numbered the entry';
comment on column audit_entries.refs is 'everything the entry concerns, as kind/id; derived from data, for filters';
comment on column audit_entries.data is 'the exact bytes that are hashed; every other column is derived from them';
create index audit_entries_pending on audit_entries (id) where idx is null;
create index audit_entries_refs on audit_entries using gin (refs);
create index audit_entries_kind on audit_entries (kind, id desc);

create table audit_held (
	id bigint generated always as identity primary key,
	release text not null,
	at timestamptz not null,
	kind text not null,
	actor text not null,
	subject text not null,
	refs text[] not null,
	data bytea not null check (octet_length(data) between 2 and 65535)
);
comment on table audit_held is 'Entries of sealed ballots, kept back so that their order in the log is that of their hashes and not of their casting.';
comment on column audit_held.release is 'the name under which the entries are released together, as poll/7';
create index audit_held_release on audit_held (release);

create table audit_operations (
	actor text not null,
	operation text not null check (octet_length(operation) between 8 and 128),
	digest bytea not null check (octet_length(digest) = 32),
	entry bigint,
	subject text not null default '',
	at timestamptz not null default clock_timestamp(),
	primary key (actor, operation)
);
comment on table audit_operations is 'Operation ids that were carried out: a retry answers what the first try did.';
comment on column audit_operations.digest is 'SHA-256 of what was asked, so that the same id with another content is refused';
comment on column audit_operations.entry is 'audit_entries.id; null while the entry is held';
create index audit_operations_at on audit_operations (at);

create table audit_hashes (
	i bigint primary key check (i >= 0),
	h bytea not null check (octet_length(h) = 32)
);
comment on table audit_hashes is 'Stored hashes of the Merkle tree, by the index of golang.org/x/mod/sumdb/tlog.';

create table audit_head (
	one boolean primary key default true check (one),
	size bigint not null check (size >= 0),
	root bytea not null check (octet_length(root) = 32)
);
comment on table audit_head is 'Size and root of the tree; its row lock makes one sequencer.';
insert into audit_head (size, root) values (0, sha256(''));

create table audit_checkpoints (
	size bigint primary key check (size >= 0),
	note bytea not null,
	at timestamptz not null
);
comment on table audit_checkpoints is 'Signed checkpoints, newest served. The last one also lives outside Postgres.';

create table names (
	ref text primary key,
	name text not null check (octet_length(name) <= 400)
);
comment on table names is 'What a person reads for a reference of the log. Written by steps of governance/audit; a leaving member becomes a former member here and nowhere in the log.';

-- +goose StatementBegin
create function audit_refuse() returns trigger language plpgsql as $$
begin
	if tg_op = 'UPDATE' and tg_table_name = 'audit_entries' then
		if old.idx is null and new.idx is not null and new.id = old.id and new.data = old.data and new.at = old.at
			and new.kind = old.kind and new.actor = old.actor and new.subject = old.subject and new.refs = old.refs then
			return new;
		end if;
	end if;
	raise exception 'the trail is append-only: % on % refused', tg_op, tg_table_name;
end $$;
-- +goose StatementEnd
create trigger audit_entries_append before update or delete on audit_entries for each row execute function audit_refuse();
create trigger audit_entries_keep before truncate on audit_entries for each statement execute function audit_refuse();
create trigger audit_hashes_append before update or delete on audit_hashes for each row execute function audit_refuse();
create trigger audit_hashes_keep before truncate on audit_hashes for each statement execute function audit_refuse();
create trigger audit_checkpoints_append before update or delete on audit_checkpoints for each row execute function audit_refuse();
create trigger audit_checkpoints_keep before truncate on audit_checkpoints for each statement execute function audit_refuse();
