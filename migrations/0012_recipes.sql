-- +goose Up
alter table campaigns add column server bytea check (octet_length(server) = 32);
comment on column campaigns.server is 'SHA-256 of what the server''s rule keeps beside head (momentum, control variate, clip norm), a blob; null for nothing';

alter table rounds
	add column server_base bytea check (octet_length(server_base) = 32),
	add column server bytea check (octet_length(server) = 32),
	add column present int not null default 0,
	add column byzantine int not null default 0,
	add column chosen bigint[] not null default '{}',
	add column clip text not null default '',
	add column epsilon text not null default '',
	add column raw bigint not null default 0,
	add column sent bigint not null default 0,
	add column delta bytea check (octet_length(delta) = 32),
	add column strata text not null default '';
comment on column rounds.server_base is 'what the server''s rule kept before the round; a replay begins from that of the round which it replays, so that forgetting rolls it back with the weights';
comment on column rounds.server is 'what it kept after the round';
comment on column rounds.present is 'nodes that could have been drawn';
comment on column rounds.byzantine is 'hostile members that the robust rule was asked to withstand; in a replay perhaps fewer than the recipe says';
comment on column rounds.chosen is 'nodes whose members a rule of distances believed; empty where the rule takes a part of everybody';
comment on column rounds.clip is 'L2 norm to which each member''s update was clipped, decimal; empty for none';
comment on column rounds.epsilon is 'largest ε of any member after the round, decimal, rounded up; empty without privacy';
comment on column rounds.raw is 'bytes that the updates would have as float32';
comment on column rounds.sent is 'bytes in which they came';
comment on column rounds.delta is 'SHA-256 of the blob that makes the checkpoint of the base, for nodes that hold the base';
comment on column rounds.strata is 'JSON: how many nodes of each stratum were asked';

alter table updates
	add column steps bigint not null default 0 check (steps >= 0),
	add column sent bigint not null default 0 check (sent >= 0);
comment on column updates.steps is 'optimiser steps behind it; 0 where an old program did not say, and then as many as the recipe asks';
comment on column updates.sent is 'bytes in which it came';

alter table blob_candidates add column size bigint not null default 0;
comment on column blob_candidates.size is 'bytes before encryption';

create table draws (
	round bigint not null references rounds,
	node bigint not null,
	drawn boolean not null,
	reason text not null,
	primary key (round, node)
);
comment on table draws is 'Nodes that were there when a cohort was drawn, and why each was asked or not. Written by training/rounds only.';
