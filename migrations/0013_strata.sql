-- +goose Up
create table strata (
	node bigint not null,
	root bytea not null,
	kind text not null check (kind in ('language', 'domain', 'licence', 'region', 'hardware')),
	value text not null check (octet_length(value) between 1 and 40),
	records bigint not null check (records > 0),
	primary key (node, root, kind, value),
	constraint strata_manifest foreign key (node, root) references manifests
);
comment on table strata is 'What nodes say of the make-up of a manifest, each kind by itself: rounded counts of at least 20 records, never text. Claims, for steering and for pages. Written by training/corpus only.';
comment on column strata.records is 'records to train on, rounded down to 1, 2 or 5 times a power of ten';
