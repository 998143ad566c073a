-- +goose Up
create table members (
	id bigint generated always as identity primary key,
	issuer text check (octet_length(issuer) between 1 and 2000),
	subject text check (octet_length(subject) between 1 and 255),
	name text check (octet_length(name) between 1 and 200),
	skeleton text check (skeleton <> ''),
	joined_at timestamptz not null,
	left_at timestamptz,
	constraint members_identity unique (issuer, subject),
	constraint members_skeleton unique (skeleton),
	constraint members_left check (num_nonnulls(issuer, subject, name, skeleton) = case when left_at is null then 4 else 0 end)
);
comment on table members is 'Persons, each known by who vouches for the sign-in (issuer) and that provider''s name for the person (subject); an e-mail address identifies nobody. Written by governance/members only.';
comment on column members.issuer is 'null after leaving: nothing then ties the number to a person';
comment on column members.skeleton is 'the name with everything folded that eyes confuse; unique, so that nobody passes for another';

create table memberships (
	member bigint not null references members (id),
	group_name text not null check (group_name <> ''),
	granted_at timestamptz not null,
	expires_at timestamptz check (expires_at > granted_at),
	reason text not null check (reason like '%/%'),
	primary key (member, group_name)
);
comment on table memberships is 'Who is in which group now. Groups carry rights; earlier grants are in the log.';
comment on column memberships.expires_at is 'the membership ends by itself; null has no end';
comment on column memberships.reason is 'what granted it, as kind/id: election/3, member/12 for joining';
create index memberships_group on memberships (group_name, member);

create table suspensions (
	member bigint not null references members (id),
	right_name text not null check (right_name <> ''),
	until timestamptz not null,
	reason text not null check (reason like '%/%'),
	primary key (member, right_name)
);
comment on table suspensions is 'One right taken from one member for a time, whatever the groups say.';
comment on column suspensions.reason is 'what decided it, as kind/id: case/8';

create table invitations (
	id bigint generated always as identity primary key,
	hash bytea not null check (octet_length(hash) = 32),
	inviter bigint not null references members (id),
	expires_at timestamptz not null,
	used_by bigint references members (id),
	constraint invitations_hash unique (hash)
);
comment on table invitations is 'Secrets that let one person join, once. Only the SHA-256 is kept.';

create table accounts (
	id bigint generated always as identity primary key,
	name text not null,
	password text not null check (password like '$argon2id$%'),
	made_at timestamptz not null,
	constraint accounts_name unique (name)
);
comment on table accounts is 'People who sign in with a password at the provider that the server itself runs. An account is no membership. Written by governance/accounts only.';
comment on column accounts.name is 'the name typed at sign-in, in its compared form (PRECIS UsernameCaseMapped, ASCII)';
comment on column accounts.password is 'argon2id with its salt and parameters, in the form of the reference implementation';

create table sign_in_codes (
	id text primary key check (octet_length(id) = 43),
	request bytea not null check (octet_length(request) <= 16384),
	account bigint references accounts (id) on delete cascade,
	signed_in_at timestamptz,
	code bytea check (octet_length(code) = 32),
	expires_at timestamptz not null,
	constraint sign_in_codes_code unique (code),
	constraint sign_in_codes_done check ((account is null) = (signed_in_at is null))
);
comment on table sign_in_codes is 'Authorization requests at the local provider, from the first redirect to the exchange of the code. A row lives for minutes.';
comment on column sign_in_codes.request is 'what the relying party asked, as JSON';
comment on column sign_in_codes.code is 'SHA-256 of the authorization code; the row goes when the code is used';
create index sign_in_codes_expiry on sign_in_codes (expires_at);

create table sessions (
	token text primary key check (octet_length(token) between 32 and 128),
	member bigint references members (id),
	data bytea not null check (octet_length(data) <= 8192),
	made_at timestamptz not null,
	seen_at timestamptz not null
);
comment on table sessions is 'Browsers that are signed in, or about to be. Roles are never here: they are read in every act. Written by governance/accounts only.';
comment on column sessions.token is 'SHA-256 of the cookie, so that a stolen table opens nothing';
comment on column sessions.member is 'null while a newcomer has proved an identity and not joined yet';
comment on column sessions.seen_at is 'last use, to within some minutes';
create index sessions_member on sessions (member);
create index sessions_seen on sessions (seen_at);
