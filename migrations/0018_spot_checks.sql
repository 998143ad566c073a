-- +goose Up
alter table assignments
	drop constraint assignments_kind_check,
	add constraint assignments_kind_check check (kind in ('train', 'evaluate', 'probe', 'suppress', 'share', 'replay', 'settle')),
	add column spot bigint,
	add constraint assignments_spot check ((spot is not null) = (kind in ('share', 'replay', 'settle')));
comment on column assignments.spot is 'of a spot check: the node whose update of the round is trained again';
create index assignments_spot on assignments (round, spot) where spot is not null;

create table spot_checks (
	round bigint not null,
	node bigint not null,
	owner bigint not null,
	state text not null check (state in ('sharing', 'replaying', 'settling', 'passed', 'held', 'not-run')),
	epoch int not null check (epoch > 0),
	digest bytea not null check (octet_length(digest) = 32),
	manifest bytea not null check (octet_length(manifest) = 32),
	steps int not null check (steps > 0),
	shard bytea check (octet_length(shard) = 32),
	sealed bytea check (octet_length(sealed) = 32),
	size bigint not null default 0 check (size >= 0),
	drawn_at timestamptz not null,
	due timestamptz not null,
	ended_at timestamptz,
	reason text not null default '',
	primary key (round, node),
	constraint spot_checks_update foreign key (round, node) references updates,
	check ((ended_at is null) = (state in ('sharing', 'replaying', 'settling'))),
	check ((shard is null) = (sealed is null))
);
comment on table spot_checks is 'Updates of campaigns on public data that were drawn to be trained again by another node, and what came of it. Written by training/rounds only.';
comment on column spot_checks.state is 'sharing: the node hands over what it trained on; replaying: another node trains it again; settling: a node of a third member does, because that gave another update; held: it is another update, and a case is open';
comment on column spot_checks.epoch is 'rises with every step: a node that answers an earlier one is too late';
comment on column spot_checks.digest is 'of the update that is checked';
comment on column spot_checks.shard is 'SHA-256 of what the node handed over; sealed is the blob, encrypted to the contributor''s key and removed when the check is over';
comment on column spot_checks.due is 'until when the present step waits for a node';
comment on column spot_checks.reason is 'in words, for the page of the round';
create index spot_checks_open on spot_checks (round) where ended_at is null;

alter table manifests add column public boolean not null default false;
comment on column manifests.public is 'the owner''s word that all text of the node is public already: only such nodes are drawn in campaigns on public data';

alter table nodes add column confirmed bigint not null default 0 check (confirmed >= 0);
comment on column nodes.confirmed is 'updates in a row, in campaigns on public data, that a spot check confirmed or that lot spared: what spot checks are drawn by';
