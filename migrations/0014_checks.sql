-- +goose Up
alter table updates
	add column outcome text not null default '' check (outcome in ('', 'pass', 'clip', 'down-weight', 'hold', 'reject')),
	add column scale text not null default '',
	add column divisor bigint not null default 1 check (divisor > 0);
comment on column updates.outcome is 'what the checks decided; empty before aggregation and in rounds older than the checks';
comment on column updates.scale is 'factor by which a clipped update was multiplied, the shortest decimal of the float64; empty for 1';
comment on column updates.divisor is 'by what the weight was divided, because the update counts as one of a cluster';

create table update_checks (
	round bigint not null references rounds,
	node bigint not null,
	place int not null check (place >= 0),
	number int not null check (number between 0 and 15),
	name text not null check (name <> ''),
	value text not null,
	threshold text not null,
	outcome text not null check (outcome in ('not-run', 'pass', 'clip', 'down-weight', 'hold', 'reject')),
	note text not null,
	primary key (round, node, place)
);
comment on table update_checks is 'What every check said of every update, with value and threshold as decimal strings. Their digest is in the entry of the aggregate. Written by training/rounds only.';
comment on column update_checks.number is 'of the check, 1 to 15; 0 for the spot check';
comment on column update_checks.value is 'empty where nothing was measured; note says why';

create table update_sketches (
	round bigint not null references rounds,
	node bigint not null,
	campaign bigint not null references campaigns,
	owner bigint not null,
	sketch bytea not null check (octet_length(sketch) between 1 and 8192),
	primary key (round, node)
);
comment on table update_sketches is 'Directions of updates in 256 integers, encrypted to the contributor''s key, kept until the campaign ends or the contributor is forgotten. Written by training/rounds only.';
comment on column update_sketches.node is '0 for the change of the checkpoint, which is no secret of a node and is not encrypted';
create index update_sketches_campaign on update_sketches (campaign);

alter table nodes add column valid bigint not null default 0 check (valid >= 0);
comment on column nodes.valid is 'updates in a row that passed every check: trust, which one that is held or rejected ends';

alter table cases
	add column kind text not null default 'output' check (kind in ('output', 'held-update')),
	add column about text not null default '',
	add column node bigint references nodes,
	add column owner bigint references members,
	add constraint cases_held check (num_nonnulls(node, owner) = case when kind = 'held-update' then 2 else 0 end);
comment on column cases.kind is 'output: members flagged an answer; held-update: the checks of a round held a node''s update back, completion says why';
comment on column cases.about is 'of a held update: the round';
comment on column cases.owner is 'of a held update: whose node it is; the owner answers and never decides';
create index cases_node on cases (node) where node is not null;
