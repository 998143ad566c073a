package workers

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
)

// spotting says which nodes of a site lie in spot checks.
type spotting struct {
	replay map[governance.NodeID]bool // reports another update than the replay gave
}

// sharding is what a node hands over, and its manifest.
type sharding struct {
	localdata.Shard
	manifest localdata.Manifest
}

// shardOf is what a node of llamaSite trains on in a round.
func shardOf(node int64, round training.RoundID) sharding {
	salt := sha256.Sum256(fmt.Appendf(nil, "salt of %d", node))
	s := sharding{Shard: localdata.Shard{Version: 1, Node: node, Round: round, Salt: salt[:]}}
	for _, r := range language(node) {
		id := training.DigestOf(append(salt[:], r.Text...))
		s.manifest.Entries = append(s.manifest.Entries, localdata.Entry{ID: id, Part: localdata.Train, Language: "text", Tokens: len(r.Text), FirstUse: 1})
		s.Texts = append(s.Texts, r.Text)
	}
	s.Manifest = string(s.manifest.Encode())
	return s
}

// spotted does what a node is asked in a spot check, by the platform's own
// doors: what it uploads is checked, what it reads comes from the store.
func (s *site) spotted(a protocol.Assignment, rep *protocol.Report) {
	t, node := s.t, governance.NodeID(a.Node)
	t.Helper()
	if a.Kind == protocol.Share {
		var file bytes.Buffer
		if err := shardOf(a.Node, a.Round).Write(&file); err != nil {
			t.Fatal(err)
		}
		slot, err := s.uploads.Slot(t.Context(), node, a.ID, training.Digest{})
		if err != nil || slot.Train || slot.Share == nil {
			t.Fatalf("slot of a share: %+v, %v", slot, err)
		}
		name, err := s.uploads.Check(slot, nil, 0, bytes.NewReader(file.Bytes()))
		if err != nil || name != training.DigestOf(file.Bytes()) {
			t.Fatalf("check of a shard: %v, %v", name, err)
		}
		if err := s.upload(node, a.ID, name, file.Bytes()); err != nil {
			t.Fatal(err)
		}
		rep.Update = name
		return
	}
	blob, err := s.uploads.Shard(t.Context(), node, a.ID, a.Spot.Shard)
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	shard, err := localdata.ReadShard(io.NewSectionReader(blob, 0, blob.Size()))
	if err != nil {
		t.Fatal(err)
	}
	records, err := shard.Records(a.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	data, digest := s.encode(a, s.trainOn(a, records))
	if rep.Update = digest; s.spots.replay[node] {
		rep.Update = training.DigestOf(append(data, 1))
	}
}

// spotSite is a community on public data that really trains; twist changes what
// a node sends.
func spotSite(t *testing.T, spots spotting, twist func(s *site, a protocol.Assignment, honest []float32), owners ...governance.MemberID) *site {
	t.Helper()
	s := llamaSite(t, owners...)
	s.spots, s.Cases = &spots, moderation.New(s.Trail, s.Pool)
	if _, err := s.Pool.Exec(t.Context(), `update manifests set public = true`); err != nil {
		t.Fatal(err)
	}
	s.recipe = func(r *protocol.Recipe) { r.Public = true }
	honest := s.update
	s.update = func(a protocol.Assignment) []float32 {
		v := honest(a)
		if twist != nil {
			twist(s, a, v)
		}
		return v
	}
	s.work(Rounds(s.Training))
	return s
}

// spotsOf trains and waits until every spot check is over.
func (s *site) spotsOf(c rounds.Campaign) (all []rounds.Spot) {
	s.t.Helper()
	list, err := s.Training.Rounds.Rounds(s.t.Context(), c.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	s.until("spot checks", func() bool {
		all = nil
		for _, r := range list {
			spots, err := s.Training.Rounds.Spots(s.t.Context(), r.ID, 0)
			if err != nil {
				s.t.Fatal(err)
			}
			for _, k := range spots {
				if !k.Over() {
					return false
				}
				all = append(all, k)
			}
		}
		return true
	})
	return all
}

func (s *site) confirmed(node governance.NodeID) (n int) {
	s.t.Helper()
	if err := s.Pool.QueryRow(s.t.Context(), `select confirmed from nodes where id = $1`, node).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// Two members train a model for two rounds. Nobody is trusted yet, so each
// update is trained again by the other member's node, and confirmed.
func TestSpotChecksConfirmHonestNodes(t *testing.T) {
	t.Parallel()
	s := spotSite(t, spotting{}, nil, 1, 2)
	spots := s.spotsOf(s.train(2))
	if len(spots) != 4 {
		t.Fatalf("%d spot checks, want one of each update", len(spots))
	}
	for _, k := range spots {
		if k.State != rounds.SpotPassed || len(k.Asked) != 2 || k.Asked[1].Node == k.Node || k.Asked[1].Digest() != k.Digest {
			t.Errorf("spot check of node %d in round %d: %+v, want it confirmed by the other", k.Node, k.Round, k)
		}
		s.until("the shard to be removed", func() bool {
			_, err := s.Blobs.Stat(t.Context(), *k.Sealed)
			return governance.Is(err, governance.NotFound)
		})
	}
	for _, n := range s.nodes {
		if got := s.confirmed(n); got != 2 {
			t.Errorf("node %d: %d confirmed updates, want 2", n, got)
		}
	}
	found, err := s.Training.Rounds.Checks(t.Context(), spots[3].Round)
	if err != nil {
		t.Fatal(err)
	}
	if f := findingOf(found, s.nodes[0], "spot"); f.Outcome != rounds.CheckNotRun || !strings.Contains(f.Note, "drawn: another node trains it again") {
		t.Errorf("the finding: %+v", f)
	}
}

// A node sends a little more than it trained, which no other check sees. The
// replays of two other members agree with each other and not with it: its
// trust ends and a case opens with every digest.
func TestSpotCheckHoldsANodeThatLies(t *testing.T) {
	t.Parallel()
	s := spotSite(t, spotting{}, func(s *site, a protocol.Assignment, v []float32) {
		if s.is(a, 2) {
			for i := range v {
				v[i] *= 1.1
			}
		}
	}, 1, 2, 3)
	for _, k := range s.spotsOf(s.train(1)) {
		want, asked := rounds.SpotPassed, 2
		if k.Node == s.nodes[2] {
			want, asked = rounds.SpotHeld, 3
		}
		if k.State != want || len(k.Asked) != asked {
			t.Errorf("spot check of node %d: %s (%s) after asking %d, want %s after %d", k.Node, k.State, k.Reason, len(k.Asked)-1, want, asked-1)
		}
		updates, err := s.Training.Rounds.Updates(t.Context(), k.Round)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range updates {
			if rounds.Excluded(u.Outcome) || u.Weight == 0 {
				t.Errorf("the update of node %d: %s, weight %d; want that no other check sees anything", u.Node, u.Outcome, u.Weight)
			}
		}
	}
	var held []moderation.Case
	s.until("the case", func() bool {
		var err error
		if held, err = s.Cases.OfNode(t.Context(), s.nodes[2], 3, s.Bench.Now()); err != nil {
			t.Fatal(err)
		}
		return len(held) == 1
	})
	c, err := s.Cases.Get(t.Context(), held[0].ID, 3, s.Bench.Now())
	if err != nil || c.Owner != 3 || strings.Count(c.Held, "trained it again and got") != 2 || !strings.Contains(c.Held, "two of three agree") {
		t.Errorf("the case: %+v, %v; want both digests of the replays in it", c, err)
	}
	if a, b := s.confirmed(s.nodes[0]), s.confirmed(s.nodes[2]); a != 1 || b != 0 {
		t.Errorf("confirmed updates: %d of an honest node and %d of the other, want 1 and 0", a, b)
	}
}

// A replayer lies about what it got. A node of a third member settles it: the
// honest node keeps its trust, the other's ends, and both digests stay.
func TestSpotCheckIsSettledAgainstAReplayerThatLies(t *testing.T) {
	t.Parallel()
	spots := spotting{replay: map[governance.NodeID]bool{}}
	s := spotSite(t, spots, nil, 1, 2, 3)
	liar := s.nodes[1]
	spots.replay[liar] = true
	lied := 0
	for _, k := range s.spotsOf(s.train(1)) {
		if k.State != rounds.SpotPassed {
			t.Errorf("spot check of node %d: %s (%s), want it confirmed", k.Node, k.State, k.Reason)
		}
		if len(k.Asked) == 3 {
			lied++
			if k.Asked[1].Node != liar || k.Asked[1].Digest() == k.Digest || k.Asked[2].Digest() != k.Digest {
				t.Errorf("spot check of node %d: asked %+v, want the liar's digest and that of a third member", k.Node, k.Asked)
			}
		}
	}
	if lied != 1 { // a node trains one update of others again in a round
		t.Errorf("%d replays had to be settled, want 1", lied)
	}
}

// What is handed over is what the node named with its update, or is refused.
func TestShardsAreCheckedAtTheDoor(t *testing.T) {
	t.Parallel()
	good := shardOf(4, 9)
	want := rounds.Sharing{Node: 4, Round: 9, Manifest: good.manifest.Root()}
	encode := func(change func(*localdata.Shard)) []byte {
		s := good.Shard
		s.Texts = append([]string(nil), s.Texts...)
		change(&s)
		var b bytes.Buffer
		if err := s.Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	same := encode(func(*localdata.Shard) {})
	if got, err := checkShard(want, bytes.NewReader(same)); err != nil || got != training.DigestOf(same) {
		t.Errorf("the shard itself: %v, %v", got, err)
	}
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"of another node", encode(func(s *localdata.Shard) { s.Node = 5 }), "of node 5"},
		{"of another round", encode(func(s *localdata.Shard) { s.Round = 8 }), "round 8"},
		{"with another text", encode(func(s *localdata.Shard) { s.Texts[0] += "." }), "text 0"},
		{"with a text too many", encode(func(s *localdata.Shard) { s.Texts = append(s.Texts, "more") }), "2 texts"},
		{"with another salt", encode(func(s *localdata.Shard) { s.Salt = make([]byte, 32) }), "text 0"},
		{"of another manifest", encode(func(s *localdata.Shard) { s.Manifest = shardOf(5, 9).Manifest }), "was committed to"},
		{"that is cut", same[:len(same)-9], "read shard"},
		{"with more behind it", append(bytes.Clone(same), "{}"...), "more than one"},
		{"that is nothing", nil, "read shard"},
	} {
		if _, err := checkShard(want, bytes.NewReader(tt.data)); !governance.Is(err, governance.Invalid) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("a shard %s: %v, want that “%s” is refused", tt.name, err, tt.want)
		}
	}
	if _, err := checkShard(want, io.MultiReader(bytes.NewReader(same[:9]), failing{})); err == nil || governance.Is(err, governance.Invalid) {
		t.Errorf("a disk that fails: %v, want that error and no refusal", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }
