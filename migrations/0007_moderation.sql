-- +goose Up
create table cases (
	id bigint generated always as identity primary key,
	output bytea not null unique check (octet_length(output) = 32),
	version bigint not null check (version > 0),
	seed bigint not null,
	prompt text not null check (octet_length(prompt) <= 32000),
	completion text not null check (octet_length(completion) between 1 and 64000),
	salt bytea not null check (octet_length(salt) = 16),
	opened_at timestamptz not null,
	state text not null default 'open' check (state in ('open', 'claimed', 'decided')),
	holder bigint references members,
	claimed_until timestamptz,
	constraint cases_claim check (num_nonnulls(holder, claimed_until) = case when state = 'claimed' then 2 else 0 end)
);
comment on table cases is 'Flagged outputs of the model, one case for each. Sensitive: the text is shown to who holds the case and to nobody else. Written by governance/moderation.';
comment on column cases.output is 'SHA-256 of version, prompt and completion, by which flags on the same output merge; never in the log';
comment on column cases.salt is 'of the digest of the output that the log holds';
comment on column cases.claimed_until is 'end of the claim; after it anybody may claim';
create index cases_state on cases (state, opened_at);

create table flags (
	id bigint generated always as identity primary key,
	case_id bigint not null references cases,
	member bigint not null references members,
	clause text not null check (clause <> ''),
	reason text not null check (octet_length(reason) <= 4000),
	salt bytea not null check (octet_length(salt) = 16),
	at timestamptz not null,
	constraint flags_once unique (case_id, member)
);
comment on table flags is 'Who reported an output, and why. One flag for each member and case, so that their number is the number of independent reporters. Written by governance/moderation.';

create table decisions (
	case_id bigint primary key references cases,
	member bigint not null references members,
	action text not null check (action in ('no-action', 'warn', 'hide', 'unlearn-proposed')),
	clause text not null,
	facts text not null check (octet_length(facts) between 1 and 16000),
	reasoning text not null check (octet_length(reasoning) between 1 and 16000),
	salt bytea not null check (octet_length(salt) = 16),
	at timestamptz not null
);
comment on table decisions is 'What a moderator decided about a case, with the statement of reasons. Written by governance/moderation.';
comment on column decisions.salt is 'of the digest of facts and reasoning that the log holds';

create table threads (
	id bigint generated always as identity primary key,
	subject text not null check (subject like '%/%'),
	title text not null check (octet_length(title) between 1 and 480),
	at timestamptz not null
);
comment on table threads is 'Discussions about anything that has a reference: a page, a proposal, an election, a case. Written by governance/talk.';
create index threads_subject on threads (subject, id);

create table comments (
	id bigint generated always as identity primary key,
	thread bigint not null references threads,
	path bigint[] not null check (cardinality(path) between 1 and 12),
	member bigint not null references members,
	body text,
	html text,
	salt bytea not null check (octet_length(salt) = 16),
	digest bytea not null check (octet_length(digest) = 32),
	at timestamptz not null,
	hidden text not null default '',
	constraint comments_hidden check (num_nonnulls(body, html) = case when hidden = '' then 2 else 0 end)
);
comment on table comments is 'Signed comments. A comment never changes; hiding empties its text and keeps its digest. Written by governance/talk.';
comment on column comments.path is 'the comments that this one answers, the first of the thread first, and itself; its order is the order of reading';
comment on column comments.digest is 'SHA-256 of salt and body; what the log holds';
comment on column comments.hidden is 'the reason why the text was hidden, or empty';
create index comments_thread on comments (thread, path);
