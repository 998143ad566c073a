package governance

import (
	"crypto/sha256"
	"strconv"
	"strings"
)

// Ref names anything that the log speaks of, as "kind/id": "poll/7",
// "member/12", "round/3". Logs, feeds and watchlists filter by it.
type Ref string

// RefTo makes a Ref of any of the identities.
func RefTo[ID ~int64](kind string, id ID) Ref {
	return Ref(kind + "/" + strconv.FormatInt(int64(id), 10))
}

// Kind returns what stands before the slash.
func (r Ref) Kind() string {
	kind, _, _ := strings.Cut(string(r), "/")
	return kind
}

// ID returns the number behind the slash, or 0 where there is none.
func (r Ref) ID() int64 {
	_, id, _ := strings.Cut(string(r), "/")
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Kinds of Ref that more than one package names.
const (
	RefMember = "member"
	RefNode   = "node"
	RefPage   = "page"
	RefPoll   = "poll"
	RefJob    = "job"
)

// Operation makes a retry harmless. A browser's form or a node's call carries
// an ID of its own making; Digest is over what was asked, so that the same ID
// with another content is refused instead of silently dropped.
type Operation struct {
	ID     string // "" for jobs, whose uniqueness River keeps
	Digest [sha256.Size]byte
}

// NewOperation makes the Operation of a request: its ID, and the content that
// a retry would repeat.
func NewOperation(id string, content ...string) Operation {
	h := sha256.New()
	for _, c := range content {
		h.Write([]byte(strconv.Itoa(len(c))))
		h.Write([]byte{':'})
		h.Write([]byte(c))
	}
	op := Operation{ID: id}
	h.Sum(op.Digest[:0])
	return op
}

// Actor is who acts: a member, a node for its owner, or a job of the
// platform. Exactly one of Member, Node and Job is set. An Actor says who
// asks, never what he may do: rights are read in the act's own transaction.
type Actor struct {
	Member    MemberID
	Node      NodeID
	Job       string // kind of a job, as "close-poll"
	Finishes  int64  // the River job that this act completes, or 0
	Operation Operation
}

// Member returns the actor for a member's request.
func Member(id MemberID, op Operation) Actor { return Actor{Member: id, Operation: op} }

// Node returns the actor for a node's request.
func Node(id NodeID, op Operation) Actor { return Actor{Node: id, Operation: op} }

// Job returns the actor for a step of a job that goes on after the act.
func Job(kind string) Actor { return Actor{Job: kind} }

// Finishing returns the actor whose act completes the River job with this id:
// effect, entry and completion commit together or not at all.
func (a Actor) Finishing(riverJob int64) Actor {
	a.Finishes = riverJob
	return a
}

// Ref returns the actor as the log names it.
func (a Actor) Ref() Ref {
	switch {
	case a.Member != 0:
		return RefTo(RefMember, a.Member)
	case a.Node != 0:
		return RefTo(RefNode, a.Node)
	default:
		return Ref(RefJob + "/" + a.Job)
	}
}
