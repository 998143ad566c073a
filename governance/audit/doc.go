// Package audit is the only door to write. Trail.Act runs one act: one
// transaction, one event, one entry in the trail. A write without an entry
// does not compile, because the act's function must return the event.
//
// The act writes a pending entry, exact bytes, atomically with its effect. One
// Sequencer numbers what is committed, grows the Merkle tree in Postgres and
// signs a checkpoint. The last signed checkpoint also lives outside Postgres
// and is compared before every signature: after an old backup is restored the
// log refuses to fork.
//
// A crash between an act's commit and the sequencer leaves pending entries;
// the next run numbers them. A crash after the tree grew and before the
// checkpoint was signed leaves a longer tree that nobody was promised; the
// next run signs it.
//
// Changes answers every list of acts (recent changes, a page's history, a
// member's contributions, a feed) with one query and different filters.
// Replay rebuilds polls, rights and rounds from entries alone.
package audit
