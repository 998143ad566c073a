-- +goose Up
delete from update_sketches; -- of 256 integers; the next updates leave longer ones
comment on table update_sketches is 'Directions of updates in 1,024 integers, encrypted to the contributor''s key, kept until the campaign ends or the contributor is forgotten. Written by training/rounds only.';
