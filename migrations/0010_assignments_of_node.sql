-- +goose Up
create index assignments_node on assignments (node, id desc);
comment on index assignments_node is 'the page of a node lists the rounds that it was drawn for, newest first';
