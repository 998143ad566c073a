-- +goose Up
create table polls (
	id bigint generated always as identity primary key,
	about text not null,
	secret boolean not null,
	rule text not null,
	options integer not null check (options >= 0),
	roll_size bigint not null check (roll_size > 0),
	roll_digest bytea not null check (octet_length(roll_digest) = 32),
	text_digest bytea not null default '',
	opened_at timestamptz not null,
	closes_at timestamptz not null check (closes_at > opened_at),
	state text not null default 'open' check (state in ('open', 'closed', 'counted')),
	result text not null default ''
);
comment on table polls is 'Questions open to an electorate. Rule, roll and text are frozen at the opening. Written by governance/voting.';
comment on column polls.rule is 'canonical JSON of the rule with its numbers';
comment on column polls.options is 'candidates of a secret ranking; 0 for yes, no, abstain';
comment on column polls.result is 'canonical JSON of what the count said; empty before';
create index polls_about on polls (about);

create table roll (
	poll bigint not null references polls,
	member bigint not null references members,
	primary key (poll, member)
);
comment on table roll is 'Who may vote in a poll, frozen when it opened.';

create table ballots (
	poll bigint not null,
	member bigint not null,
	choice text not null check (choice in ('yes', 'no', 'abstain')),
	reason text not null default '' check (octet_length(reason) <= 4000),
	salt bytea not null check (octet_length(salt) = 16),
	cast_at timestamptz not null,
	changes integer not null default 0,
	primary key (poll, member),
	foreign key (poll, member) references roll
);
comment on table ballots is 'Public ballots: one row per member and poll, whatever happens at the same time.';
comment on column ballots.salt is 'of the digest of the reason that the log holds';

create table envelopes (
	poll bigint not null,
	member bigint not null,
	envelope bytea not null check (octet_length(envelope) between 64 and 65536),
	hash bytea not null unique check (octet_length(hash) = 32),
	day date not null,
	primary key (poll, member),
	foreign key (poll, member) references roll
);
comment on table envelopes is 'Sealed secret ballots: the last one of each member. Destroyed some days after the result.';
comment on column envelopes.day is 'the day only: a time would tell who was where';

create table opened_ballots (
	poll bigint not null references polls,
	tracker bytea not null check (octet_length(tracker) = 32),
	ranking integer[] not null,
	primary key (poll, tracker)
);
comment on table opened_ballots is 'Secret ballots after the close, without voter and without time, sorted by tracker.';

create table proposals (
	id bigint generated always as identity primary key,
	title text not null check (octet_length(title) between 1 and 200),
	page bigint not null unique references pages,
	author bigint not null references members,
	class integer not null check (class between 1 and 3),
	motion text not null,
	params text not null check (octet_length(params) <= 20000),
	state text not null check (state in ('draft', 'discussion', 'voting', 'waiting', 'adopted', 'done', 'failed', 'rejected', 'withdrawn')),
	poll bigint unique references polls,
	created_at timestamptz not null,
	until timestamptz,

	outcome text not null default ''
);
comment on table proposals is 'Motions with their text (a page) and their stages. Written by governance/proposals.';
comment on column proposals.until is 'when the present stage ends by itself; null for stages that do not';
comment on column proposals.outcome is 'one sentence of what carrying it out came to';
create index proposals_state on proposals (state, id desc);

create table sponsors (
	proposal bigint not null references proposals,
	member bigint not null references members,
	at timestamptz not null,
	primary key (proposal, member)
);
comment on table sponsors is 'Members who lend a proposal their names.';
