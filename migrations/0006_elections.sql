-- +goose Up
create table elections (
	id bigint generated always as identity primary key,
	office text not null check (office <> ''),
	seats integer not null check (seats > 0),
	term_seconds bigint not null check (term_seconds > 0),
	voting_seconds bigint not null check (voting_seconds > 0),
	called_by bigint not null references members,
	called_at timestamptz not null,
	state text not null check (state in ('nomination', 'voting', 'counting', 'certified', 'void')),
	until timestamptz,
	poll bigint unique references polls,
	reason text not null default '',
	ended_at timestamptz,
	destroy_at timestamptz,
	destroyed_at timestamptz,
	constraint elections_reason check ((state = 'void') = (reason <> ''))
);
comment on table elections is 'Elections to an office, from the call to the result. Written by governance/elections.';
comment on column elections.voting_seconds is 'periods, seats and term are taken from the policies at the call and do not change after it';
comment on column elections.until is 'when the present stage ends by itself; null for stages that do not';
comment on column elections.reason is 'why a void election is void';
comment on column elections.destroy_at is 'when the sealed envelopes are destroyed; set with the result';
create unique index elections_open on elections (office) where state in ('nomination', 'voting', 'counting');
create index elections_state on elections (state, id desc);

create table candidates (
	election bigint not null references elections,
	member bigint not null references members,
	number integer check (number > 0),
	statement text not null check (octet_length(statement) between 1 and 4000),
	salt bytea not null check (octet_length(salt) = 16),
	digest bytea not null check (octet_length(digest) = 32),
	stood_at timestamptz not null,
	primary key (election, member),
	constraint candidates_number unique (election, number)
);
comment on table candidates is 'Who stands in an election, with what the candidate says. Written by governance/elections.';
comment on column candidates.number is 'the candidate''s number on ballots, 1 to n by member number; null until voting opens and the list is frozen';
comment on column candidates.digest is 'SHA-256 of salt and statement; what the log holds';
