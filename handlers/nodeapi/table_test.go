package nodeapi

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/safetensors"
)

// table is a Work and a Corpus in memory: the rules of assignments are tested
// where they live, here is tested what stands before them.
type table struct {
	mu       sync.Mutex
	wake     chan struct{}
	open     map[governance.NodeID]protocol.Assignment
	slot     rounds.Slot
	updates  map[training.Digest][]byte
	reports  []protocol.Report
	manifest []protocol.ManifestSummary
	strata   []protocol.Strata
	ops      map[string]bool
	back     time.Time
}

func newTable() *table {
	return &table{wake: make(chan struct{}), open: map[governance.NodeID]protocol.Assignment{}, updates: map[training.Digest][]byte{}, ops: map[string]bool{}}
}

func (s *table) Wake() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wake
}

func (s *table) assign(node governance.NodeID, a protocol.Assignment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[node] = a
	close(s.wake)
	s.wake = make(chan struct{})
}

func (s *table) Next(_ context.Context, node governance.NodeID, _ int64) (protocol.Assignment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.open[node]; ok {
		return a, nil
	}
	return protocol.Assignment{}, governance.Errorf(governance.NotFound, "No work.")
}

func (s *table) ComeBack(context.Context, governance.NodeID) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.back, nil
}

func (s *table) Renew(_ context.Context, node governance.NodeID, r protocol.Renewal) (protocol.Lease, error) {
	if _, err := s.Slot(context.Background(), node, r.Assignment, training.Digest{}); err != nil {
		return protocol.Lease{}, err
	}
	return protocol.Lease{Expires: 7}, nil
}

func (s *table) Slot(_ context.Context, node governance.NodeID, id training.AssignmentID, artefact training.Digest) (rounds.Slot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.open[node]; !ok || a.ID != id {
		return rounds.Slot{}, governance.Errorf(governance.NotFound, "No such assignment.")
	}
	slot := s.slot
	if _, ok := s.updates[artefact]; ok {
		slot.Sealed = &artefact
	}
	return slot, nil
}

func (s *table) Bounds(_ rounds.Slot, header []byte, elements int) (least, most int64, err error) {
	size := int64(len(header) + 4*elements)
	return size, size, nil
}

func (s *table) Check(slot rounds.Slot, header []byte, elements int, body io.Reader) (training.Digest, error) {
	got, err := safetensors.Receive(body, header, elements, nil, safetensors.Limits{MaxNorm: slot.MaxNorm})
	if err != nil {
		return got.Digest, governance.Errorf(governance.Invalid, "The update was refused: %v.", err)
	}
	return got.Digest, nil
}

func (s *table) Upload(_ context.Context, _ rounds.Slot, in rounds.Incoming, body io.Reader) error {
	data, err := io.ReadAll(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.updates[in.Name] = data
	return err
}

func (s *table) Shard(context.Context, governance.NodeID, training.AssignmentID, training.Digest) (blobs.Blob, error) {
	return nil, governance.Errorf(governance.NotFound, "No shard.")
}

func (s *table) Report(_ context.Context, actor governance.Actor, r protocol.Report) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ops[actor.Operation.ID] {
		s.ops[actor.Operation.ID] = true
		s.reports = append(s.reports, r)
	}
	return nil
}

func (s *table) Describe(_ context.Context, _ governance.Actor, _ governance.MemberID, m protocol.ManifestSummary) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.manifest = append(s.manifest, m)
	return nil
}

func (s *table) DescribeStrata(_ context.Context, _ governance.Actor, m protocol.Strata) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := m.Check(); err != nil {
		return governance.Errorf(governance.Invalid, "The strata were refused: %v.", err)
	}
	s.strata = append(s.strata, m)
	return nil
}

// slow is a connection that hands out a byte at a time and notes by when it
// has to.
type slow struct {
	http.ResponseWriter
	deadlines []time.Time
}

func (s *slow) SetReadDeadline(d time.Time) error { s.deadlines = append(s.deadlines, d); return nil }

// TestSlowBodiesAreCut checks that the deadline moves with what was read and
// with nothing else, so that a sender below the pace runs into it.
func TestSlowBodiesAreCut(t *testing.T) {
	w := &slow{ResponseWriter: httptest.NewRecorder()}
	begin := time.Now()
	data, err := io.ReadAll(paced(w, io.NopCloser(io.LimitReader(zeros{}, 10*pace))))
	if err != nil || len(data) != 10*pace {
		t.Fatal(len(data), err)
	}
	first, last := w.deadlines[0], w.deadlines[len(w.deadlines)-2]
	if wait := first.Sub(begin); wait < patience || wait > patience+time.Minute {
		t.Errorf("the first byte may take %v, want %v", wait, patience)
	}
	if more := last.Sub(first); more > 10*time.Second || more < 9*time.Second {
		t.Errorf("640 KiB may take %v more, want 10 s at most", more)
	}
	if !w.deadlines[len(w.deadlines)-1].IsZero() {
		t.Error("the deadline of the body binds the answer")
	}
}

// TestJoinsAreLimited lets one address try a few times a minute, whatever it
// sends; nodes that have joined are not slowed down by it.
func TestJoinsAreLimited(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	m := s.join(0, "kitchen")
	config := s.api.Config
	config.JoinsPerMinute = 3
	web := httptest.NewServer(New(config).Handler())
	t.Cleanup(web.Close)
	s.url, m.url = web.URL, web.URL
	var got []int
	for range 5 {
		status, _ := s.post(protocol.PathJoin, protocol.Join{Version: protocol.Version, Token: 1})
		got = append(got, status)
	}
	if want := []int{401, 401, 401, 429, 429}; !slices.Equal(got, want) {
		t.Errorf("five guesses: %v, want %v", got, want)
	}
	if status, _, body := m.do(m.signed("GET", protocol.PathWork+"?wait=0&size=0", nil, "")); status != 204 {
		t.Errorf("a node meanwhile: %d %s", status, body)
	}
}
