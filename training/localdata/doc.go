// Package localdata is the node's side of the data: the text stays here. It
// reads a folder, cuts it into records, takes secrets out, sets twins and
// validation text aside, remembers what was trained on in which round, obeys
// forget decisions, and draws batches that anyone with the same text can draw
// again. What leaves the machine is a Manifest: hashes, licences, languages
// and counts, no text and no file names.
//
// The way of a text:
//
//	sources ─ Read ─▶ pieces ─ Store.Corpus ─▶ records ─ Store.Begin ─▶ stream ─ Batch ─▶ B×T ids
//	          │ normalise, scrub, split           │ hash, bucket,         │ suppress, copy,
//	          ▼                                   ▼ duplicates            ▼ note the round
//	        Report (stays here)                Manifest (leaves)        Replay gives it again
//
// # Sources
//
// The owner names folders, git repositories, exports of issue trackers and
// chats, and mailboxes in the file sources.json (Sources), with patterns, people
// to leave out, licences that may be trained on, and bounds. Nothing is fetched.
// A record's licence is the SPDX line in it, else that of a file .license beside
// it, else that of the licence file in the nearest folder above it, else what the
// owner says of the source; what stays unknown is held back and asked for. What
// is opted out later is suppressed (Store.OptOut).
//
// # Normal form
//
// Two texts are the same record if they are equal in normal form: Unicode NFC,
// line ends "\n", no blanks or tabs at the ends of lines, no empty lines at
// both ends. Hashes, buckets and training use the normal form only.
//
// # Buckets
//
// The bucket of a record is the first 8 bytes, big-endian, of
// HMAC-SHA256(community key, text) modulo 20. Bucket 0 is a twin, which no node
// ever trains on; 1 and 2 validate; the others train. The key is the
// community's, so equal text falls into the same bucket at every node, and a
// twin here is not trained on there.
//
// # Batches
//
// A stream is the training records in ascending order of id, each followed by
// tokenizer.EndOfText. Sequence b of step s under seed k starts at
//
//	floor(u · (N-T) / 2^64),  u = draw b of SplitMix64 with state mix(k) + mix(s ⊕ 0x5851f42d4c957f2d)
//
// where N is the length of the stream and T the context; the T ids from there
// are the inputs, and the T ids from one further on the targets. SplitMix64
// and mix, its output function, are those of Steele, Lea and Flood (2014).
package localdata
