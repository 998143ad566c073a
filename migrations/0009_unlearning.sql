-- +goose Up
create table unlearning_cases (
	id bigint generated always as identity primary key,
	proposal bigint not null,
	decision bigint not null unique,
	campaign bigint not null references campaigns,
	contributor bigint not null,
	settings text not null,
	state text not null check (state in ('suppressing', 'replaying', 'verifying', 'passed', 'failed', 'published', 'closed')),
	epoch int not null check (epoch > 0),
	first_round int not null check (first_round >= 0),
	clean bytea not null references checkpoints,
	tainted bytea not null references checkpoints,
	marked bigint not null,
	replay bigint references campaigns,
	result bytea references checkpoints,
	version bigint references versions,
	withdrawn bigint[] not null default '{}',
	silent bigint[] not null default '{}',
	due timestamptz not null,
	verdict text not null default '',
	destroyed bigint not null default 0,
	certificate bytea,
	reason text not null default '',
	opened_at timestamptz not null,
	replaying_at timestamptz,
	verifying_at timestamptz,
	judged_at timestamptz,
	published_at timestamptz,
	ended_at timestamptz
);
comment on table unlearning_cases is 'Decisions to forget a contributor''s records in a campaign, and how they were carried out. Written by training/unlearning only.';
comment on column unlearning_cases.settings is 'canonical JSON of the policies'' numbers in force when the case opened';
comment on column unlearning_cases.first_round is 'number of the first round in which anything of the contributor counted; 0 if nothing did';
comment on column unlearning_cases.clean is 'the checkpoint before that round, from which the replay begins';
comment on column unlearning_cases.tainted is 'the last checkpoint that the records touched: what "before" means in the verdict';
comment on column unlearning_cases.marked is 'checkpoints that were tainted when the case opened';
comment on column unlearning_cases.silent is 'nodes of the contributor that had not acknowledged the suppression when the replay began; they get no other work until they do';
comment on column unlearning_cases.due is 'until when the present state waits for nodes';
comment on column unlearning_cases.certificate is 'the exact bytes of the certificate, canonical JSON, whose digest is in the log';
create unique index unlearning_cases_once on unlearning_cases (campaign, contributor) where state <> 'failed';
create index unlearning_cases_open on unlearning_cases (campaign) where state not in ('failed', 'closed');
