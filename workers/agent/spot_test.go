package agent

import (
	"bytes"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
)

// after returns an assignment of a spot check of the round of another one.
func (p *platform) after(a protocol.Assignment, id training.AssignmentID, kind string, change func(*protocol.Assignment)) protocol.Assignment {
	a.ID, a.Kind, a.Epoch = id, kind, 2
	if change != nil {
		change(&a)
	}
	return a
}

// TestSpotChecksAtTheNode trains on public data, hands over what it trained on,
// and trains what another node handed over: the same text with the same seed
// gives the same update. What is not what it says to be is refused.
func TestSpotChecksAtTheNode(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	public := func(o *Options) { o.Limits = &Limits{Threads: 1, Public: true} }
	a := p.decided(1, func(r *protocol.Recipe) { r.Public, r.Local.Partial = true, true })
	p.give(a)
	n.mustRun(t, 1, public)
	trained := n.lastReport(t)
	if len(p.manifest) == 0 || !p.manifest[len(p.manifest)-1].Public {
		t.Errorf("manifests %+v: want that the text is declared public", p.manifest)
	}

	p.give(p.after(a, 31, protocol.Share, func(a *protocol.Assignment) { a.Manifest = trained.Manifest }))
	n.mustRun(t, 1, public)
	file := p.arriving[n.lastReport(t).Update]
	shard, err := localdata.ReadShard(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	records, err := shard.Records(trained.Manifest)
	if err != nil || len(records) == 0 || shard.Node != 7 || shard.Round != a.Round || !strings.Contains(records[0].Text, canary) {
		t.Fatalf("handed over: %d records of node %d in round %d, %v", len(records), shard.Node, shard.Round, err)
	}

	shard.Node = 8 // as if another node had the same text
	replay := func(id training.AssignmentID, s localdata.Shard, steps int) protocol.Assignment {
		var file bytes.Buffer
		if err := s.Write(&file); err != nil {
			t.Fatal(err)
		}
		name := training.DigestOf(file.Bytes())
		p.blobs[name] = file.Bytes()
		return p.after(a, id, protocol.Replay, func(a *protocol.Assignment) {
			a.Manifest, a.Spot = trained.Manifest, &protocol.Spot{Node: 8, Shard: name, Size: int64(file.Len()), Steps: steps}
		})
	}
	p.give(replay(32, shard, 4))
	arrived := len(p.arriving)
	n.mustRun(t, 1, func(o *Options) { o.Limits = &Limits{Threads: 2, Public: true} })
	if again := n.lastReport(t); again.Update != trained.Update || !again.Exact() || len(p.arriving) != arrived {
		t.Errorf("the replay gave %s, %d uploads; want %s, reported and not uploaded\n%s", again.Update, len(p.arriving)-arrived, trained.Update, n.out)
	}
	p.give(replay(33, shard, 2)) // that node stopped early
	n.mustRun(t, 1, public)
	if half := n.lastReport(t); half.Steps != 2 || half.Update == trained.Update {
		t.Errorf("a replay of two steps: %+v", half)
	}

	wrong := shard
	wrong.Texts = append([]string{"x" + shard.Texts[0]}, shard.Texts[1:]...)
	whose := shard
	whose.Node = 9
	for _, tt := range []struct {
		name string
		work protocol.Assignment
		want string
	}{
		{"another text", replay(34, wrong, 4), "text 0"},
		{"another node's", replay(35, whose, 4), "another node"},
		{"more steps than decided", replay(36, shard, 5), "asks for 5 steps"},
	} {
		p.give(tt.work)
		n.mustRun(t, 1, public)
		if r := n.lastReport(t); !strings.Contains(r.Refused, tt.want) {
			t.Errorf("%s: %+v, want a refusal that says “%s”", tt.name, r, tt.want)
		}
	}
}

// TestLimitsWinOverSpotChecks: a node whose owner has not called its text
// public hands nothing over and trains nobody's text again, whatever is asked.
func TestLimitsWinOverSpotChecks(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	a := p.decided(1, func(r *protocol.Recipe) { r.Public = true })
	d := training.DigestOf([]byte("d"))
	p.give(
		p.after(a, 31, protocol.Share, func(a *protocol.Assignment) { a.Manifest = d }),
		p.after(a, 32, protocol.Replay, func(a *protocol.Assignment) {
			a.Manifest, a.Spot = d, &protocol.Spot{Node: 8, Shard: d, Size: 9, Steps: 4}
		}),
	)
	n.mustRun(t, 2)
	if len(p.reports) != 2 {
		t.Fatalf("%d reports, want 2\n%s", len(p.reports), n.out)
	}
	for _, r := range p.reports {
		if !strings.Contains(r.Refused, "not said that all its text is public") {
			t.Errorf("report %+v, want a refusal", r)
		}
	}
	if strings.Contains(p.sent.String(), canary) || len(p.arriving) != 0 {
		t.Error("text left the machine")
	}
	for _, m := range p.manifest {
		if m.Public {
			t.Error("the text was declared public")
		}
	}
}
