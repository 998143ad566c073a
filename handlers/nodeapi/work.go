package nodeapi

import (
	"context"
	"io"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
)

// Work is what the node API needs of the store of rounds (workers.Uploads is
// it, with the one thing that the store cannot do: taking bytes). Every method gets
// the node that signed the request and answers NotFound for an assignment of
// another node, so that nobody learns of it.
type Work interface {
	// Wake returns a channel that is closed when there may be new work. The
	// API takes it before it asks Next, so that nothing is missed between. A
	// wait holds no connection to the database.
	Wake() <-chan struct{}

	// Next leases the node's next open assignment, in the order of ids, and
	// returns it signed by the platform's key, with the proof that its
	// decision stands in the log: consistent with the log of logSize entries
	// that the node remembers (0 for none). An assignment that the node holds
	// already is given out again, with a new lease: it may have crashed.
	// NotFound when there is none. It must not block.
	Next(ctx context.Context, node governance.NodeID, logSize int64) (protocol.Assignment, error)

	// ComeBack returns when a node that has no work should ask again; the zero
	// time lets it wait here.
	ComeBack(ctx context.Context, node governance.NodeID) (time.Time, error)

	// Renew extends a lease. Cancelled is set, and nothing is extended, when
	// the assignment is closed or its epoch is over.
	Renew(ctx context.Context, node governance.NodeID, r protocol.Renewal) (protocol.Lease, error)

	// Slot says what an open assignment of the node reads and may upload, and
	// whether an artefact was uploaded for it before; Conflict when it is
	// closed, NotFound when it is not the node's.
	Slot(ctx context.Context, node governance.NodeID, id training.AssignmentID, artefact training.Digest) (rounds.Slot, error)

	// Bounds says how many bytes an update of a slot may have, least and most,
	// where its base has this header (with its length word) and so many parameters.
	Bounds(slot rounds.Slot, header []byte, elements int) (least, most int64, err error)

	// Check reads an upload to its end and returns its digest, or Invalid with
	// the reason why it is not in the one form that the recipe allows.
	Check(slot rounds.Slot, header []byte, elements int, body io.Reader) (training.Digest, error)

	// Upload takes an update that has been checked, for a slot that this request
	// was given, and stores it encrypted to the contributor's key. The same
	// digest again is no error: nothing is read then.
	Upload(ctx context.Context, slot rounds.Slot, in rounds.Incoming, body io.Reader) error

	// Shard opens what another node handed over for a spot check, for an open
	// assignment that trains its update again; NotFound for any other artefact.
	Shard(ctx context.Context, node governance.NodeID, id training.AssignmentID, name training.Digest) (blobs.Blob, error)

	// Report is the act that takes a report: the actor is the node. The same
	// operation again answers as the first time. Conflict after the
	// assignment was closed or its epoch was over.
	Report(ctx context.Context, actor governance.Actor, r protocol.Report) error
}

// Corpus takes what nodes say of their text.
type Corpus interface {
	// Describe is the act of a node that tells what it holds; owner is whose
	// node it is.
	Describe(ctx context.Context, actor governance.Actor, owner governance.MemberID, m protocol.ManifestSummary) error

	// DescribeStrata is the act of a node that tells what a manifest which it
	// described is made of.
	DescribeStrata(ctx context.Context, actor governance.Actor, m protocol.Strata) error
}
