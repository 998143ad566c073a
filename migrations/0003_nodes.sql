-- +goose Up
create table nodes (
	id bigint generated always as identity primary key,
	owner bigint not null references members (id),
	name text not null check (octet_length(name) between 1 and 200),
	public_key bytea check (octet_length(public_key) = 32),
	capabilities text not null default '{}' check (octet_length(capabilities) <= 4096),
	registered_at timestamptz not null,
	joined_at timestamptz,
	revoked_at timestamptz,
	accepted bigint not null default 0 check (accepted >= 0),
	late bigint not null default 0 check (late >= 0),
	refused bigint not null default 0 check (refused >= 0),
	constraint nodes_public_key unique (public_key),
	constraint nodes_name unique nulls not distinct (owner, name, revoked_at),
	constraint nodes_joined check ((public_key is null) = (joined_at is null))
);
comment on table nodes is 'Machines that train for their owner, a member. Written by governance/nodes only.';
comment on column nodes.public_key is 'Ed25519; null until the node has joined. The private half never left the machine';
comment on column nodes.capabilities is 'JSON of what the machine said of itself when it joined; believed for planning only';
comment on column nodes.accepted is 'reports that were taken; late and refused are the others. Counted by steps of the acts that judge reports';
create index nodes_owner on nodes (owner, id);

create table join_tokens (
	id bigint generated always as identity primary key,
	node bigint not null references nodes (id),
	public_key bytea not null check (octet_length(public_key) = 32),
	expires_at timestamptz not null,
	used_at timestamptz
);
comment on table join_tokens is 'Tokens that let one machine join as one node, once. Only the public half of the key that a token''s secret seeds is kept. Written by governance/nodes only.';
create index join_tokens_node on join_tokens (node);

create table server_keys (
	public_key bytea primary key check (octet_length(public_key) = 32),
	named_at timestamptz not null
);
comment on table server_keys is 'Keys with which this platform answers nodes, each named in the log before its first use. Written by governance/nodes only.';

create table request_nonces (
	node bigint not null,
	nonce bytea not null check (octet_length(nonce) = 16),
	seen_at timestamptz not null,
	primary key (node, nonce)
);
comment on table request_nonces is 'Nonces of signed requests, against replay. Housekeeping: forgotten when the request would be too old anyway. Written by governance/nodes only.';
create index request_nonces_seen on request_nonces (seen_at);

create table heartbeats (
	node bigint primary key,
	seen_at timestamptz not null,
	capabilities text check (octet_length(capabilities) <= 4096)
);
comment on table heartbeats is 'When a node was last heard. Housekeeping. Written by governance/nodes only.';
comment on column heartbeats.capabilities is 'JSON of what the machine said of itself since it joined; null if nothing new';
