package agent

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/compress"
	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/safetensors"
)

// decided returns an assignment of a round of a recipe that was changed
// before it was decided.
func (p *platform) decided(number int, change func(*protocol.Recipe)) protocol.Assignment {
	seen := int64(len(p.log.entries))
	a := p.training(protocol.Train)
	change(&a.Recipe)
	a.ID, a.Round, a.Number = training.AssignmentID(10+number), training.RoundID(20+number), number
	a.Mandate = p.mandate(p.adopt(protocol.MotionTrain, a.Recipe), -1, seen)
	return a
}

// values reads what a node sent as float32.
func (p *platform) values(t *testing.T, a protocol.Assignment, update training.Digest) []float32 {
	t.Helper()
	data := p.arriving[update]
	values := make([]float32, p.model(1).Params.Len())
	if a.Recipe.Up.Codec == "" {
		header := p.blobs[a.Base][:len(p.blobs[a.Base])-4*len(values)]
		if _, err := safetensors.Receive(bytes.NewReader(data[:len(header)+4*len(values)]), header, len(values), values, safetensors.Limits{}); err != nil {
			t.Fatal(err)
		}
		return values
	}
	codec, err := compress.Parse(a.Recipe.Up.Codec)
	if err != nil {
		t.Fatal(err)
	}
	s := compress.Settings{Codec: codec, Share: a.Recipe.Up.Share}
	if codec == compress.Int8 || codec == compress.Mask {
		s.Seed = protocol.CodecSeed(a.Seed)
	}
	if err := compress.Decode(values, data, s); err != nil {
		t.Fatalf("the platform cannot read a %s update: %v", codec, err)
	}
	return values
}

func distance(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]-b[i]) * float64(a[i]-b[i])
	}
	return math.Sqrt(sum)
}

// What a node sends in every codec is the update, as exactly as the codec
// allows, in fewer bytes.
func TestCodecsOfTheRecipe(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	plain := p.decided(1, func(*protocol.Recipe) {})
	p.give(plain)
	n.mustRun(t, 1)
	want := p.values(t, plain, n.lastReport(t).Update)
	for i, tt := range []struct {
		up   protocol.Uplink
		near float64 // distance by the update's norm
		part float64 // bytes by those of float32
	}{
		{protocol.Uplink{Codec: protocol.BF16}, 0.01, 0.51}, {protocol.Uplink{Codec: protocol.Int8}, 0.02, 0.28},
		{protocol.Uplink{Codec: protocol.Sign}, 1, 0.05}, {protocol.Uplink{Codec: protocol.TopK, Share: 500}, 0.6, 0.66},
		{protocol.Uplink{Codec: protocol.Mask, Share: 500}, 1.3, 0.52},
	} {
		a := p.decided(1, func(r *protocol.Recipe) { r.Up = tt.up })
		a.ID += training.AssignmentID(100 * (i + 1))
		p.give(a)
		n.mustRun(t, 1)
		report := n.lastReport(t)
		got := p.values(t, a, report.Update)
		if d := distance(got, want) / fedavg.Norm(want); d > tt.near {
			t.Errorf("%s: off by %.3f of the norm, want at most %.3f", tt.up.Codec, d, tt.near)
		}
		if part := float64(len(p.arriving[report.Update])) / float64(4*len(want)); part > tt.part {
			t.Errorf("%s: %.3f of the bytes, want at most %.3f", tt.up.Codec, part, tt.part)
		}
		if report.State.IsZero() == a.Recipe.Stateful() {
			t.Errorf("%s: state %v, stateful %v", tt.up.Codec, report.State, a.Recipe.Stateful())
		}
	}
}

// What top-k left out in one round is sent in the next, but not when the
// platform did not take the update, and not in a replay.
func TestResidualIsKeptFromRoundToRound(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	topk := func(r *protocol.Recipe) { r.Up = protocol.Uplink{Codec: protocol.TopK, Share: 100} }
	round := func(number int, id training.AssignmentID) training.Digest {
		t.Helper()
		a := p.decided(number, topk)
		a.ID = id
		p.give(a)
		n.mustRun(t, 1)
		return n.lastReport(t).Update
	}
	first := round(1, 11)
	second := round(2, 12)
	if first == second {
		t.Error("the second round sent what the first did: nothing was kept")
	}
	if again := round(2, 13); again != second {
		t.Error("a second attempt at round 2 began elsewhere than the first")
	}
	entries, err := os.ReadDir(n.dir + "/memory/4")
	if err != nil || len(entries) != 2 {
		t.Errorf("kept %v, %v, want the states after rounds 1 and 2", entries, err)
	}
}

// A node whose hours end in the middle sends what it has where the recipe
// takes it, and nothing where it does not.
func TestPartialWork(t *testing.T) {
	for _, partial := range []bool{true, false} {
		t.Run(fmt.Sprint(partial), func(t *testing.T) {
			p := newPlatform(t)
			n := newNode(t, p, 40)
			a := p.decided(1, func(r *protocol.Recipe) { r.Steps, r.Local.Partial = 400, partial })
			p.give(a)
			begin, looks := time.Now(), 0
			hours := begin.Add(-time.Hour).Format("15:04") + "-" + begin.Add(2*time.Minute).Format("15:04")
			err := n.run(1, func(o *Options) {
				o.Limits = &Limits{Hours: hours, Threads: 1}
				// every look at the clock takes a second of the day
				o.Now = func() time.Time { looks++; return begin.Add(time.Duration(looks) * time.Second) }
			})
			if partial && (err != nil || len(n.reports) != 1) {
				t.Fatalf("no partial work came: %v\n%s", err, n.out)
			}
			if !partial && len(n.reports) != 0 {
				t.Fatalf("a report of unfinished work: %+v", n.reports)
			}
			if !partial {
				return
			}
			r := n.lastReport(t)
			if r.Steps < 1 || r.Steps >= 400 || r.Tokens != r.Steps*64 || r.Update.IsZero() {
				t.Errorf("report of %d steps and %d tokens, want fewer than 400 steps of 64 tokens", r.Steps, r.Tokens)
			}
			if !strings.Contains(n.out.String(), "sending") {
				t.Errorf("the owner does not learn of it:\n%s", n.out)
			}
		})
	}
}

// The round's deadline is the other end of partial work.
func TestPartialWorkBeforeTheDeadline(t *testing.T) {
	begin := time.Unix(1000, 0)
	for _, tt := range []struct {
		deadline int64
		want     time.Time
	}{
		{1100, time.Unix(1095, 0)}, {1020, time.Unix(1017, 0)}, {0, begin.AddDate(100, 0, 0)},
	} {
		if got := lastMoment(protocol.Assignment{Deadline: tt.deadline}, begin); !got.Equal(tt.want) {
			t.Errorf("deadline %d: last moment %v, want %v", tt.deadline, got.Unix(), tt.want.Unix())
		}
	}
}

// Local objectives and schedules change the update in the way they say.
func TestLocalTraining(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	id := training.AssignmentID(11)
	send := func(number int, change func(*protocol.Recipe)) []float32 {
		t.Helper()
		a := p.decided(number, func(r *protocol.Recipe) { r.UpdateNorm = "0"; change(r) })
		id++
		a.ID = id
		p.give(a)
		n.mustRun(t, 1)
		return p.values(t, a, n.lastReport(t).Update)
	}
	plain := send(1, func(*protocol.Recipe) {})
	norm := fedavg.Norm(plain)
	sgd := send(1, func(r *protocol.Recipe) { r.Optimizer, r.LearnRate = "sgd", "0.1" })
	near := send(1, func(r *protocol.Recipe) {
		r.Optimizer, r.LearnRate = "sgd", "0.1"
		r.Local = protocol.Local{Objective: protocol.FedProx, Mu: "5"}
	})
	if fedavg.Norm(near) >= fedavg.Norm(sgd) {
		t.Errorf("with fedprox the update has norm %g, without %g, want shorter", fedavg.Norm(near), fedavg.Norm(sgd))
	}
	parts := send(1, func(r *protocol.Recipe) { r.Local.Accumulate = 2 })
	if d := distance(parts, plain) / norm; d == 0 || d > 0.05 {
		t.Errorf("in two parts the update is off by %g of its norm, want the rounding of sums", d)
	}
	late := send(3, func(r *protocol.Recipe) { r.Local = protocol.Local{Schedule: "cosine", Floor: 10} })
	if fedavg.Norm(late) > norm/2 {
		t.Errorf("in the last round of a cosine the update has norm %g, by a constant rate %g", fedavg.Norm(late), norm)
	}
}

// A node of SCAFFOLD sends its update and how its control variate changed, and
// corrects by both variates in the next round.
func TestScaffoldAtTheNode(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	scaffold := func(r *protocol.Recipe) {
		r.Optimizer, r.LearnRate, r.UpdateNorm, r.ClipNorm, r.WeightDecay = "sgd", "0.1", "0", "0", "0"
		r.Local.Objective, r.Server.Rule = protocol.Scaffold, protocol.Scaffold
	}
	a := p.decided(1, scaffold)
	p.give(a)
	n.mustRun(t, 1)
	data := p.arriving[n.lastReport(t).Update]
	update := p.values(t, a, n.lastReport(t).Update)
	if len(data) != 2*len(p.blobs[a.Base]) {
		t.Fatalf("an update of %d bytes, want two files of %d", len(data), len(p.blobs[a.Base]))
	}
	second, err := safetensors.Read(bytes.NewReader(data[len(data)/2:]), int64(len(data)/2))
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, part := range second {
		for _, v := range part.Data {
			if want := -update[at] / (4 * 0.1); math.Abs(float64(v-want)) > 1e-4*math.Abs(float64(want))+1e-6 {
				t.Fatalf("control variate %d changed by %g, want −Δ/(K·η) = %g", at, v, want)
			}
			at++
		}
	}
	b := p.decided(2, scaffold)
	b.Control = p.control(t, make([]float32, len(update)))
	p.give(b)
	n.mustRun(t, 1)
	if corrected := p.values(t, b, n.lastReport(t).Update); distance(corrected, update) == 0 {
		t.Error("the kept control variate changed nothing in the next round")
	}
}

// A node that is not needed stays away as long as it was told, and half an hour
// at most.
func TestNodeComesBackWhenTold(t *testing.T) {
	for _, tt := range []struct{ back, want time.Duration }{{10 * time.Minute, 10 * time.Minute}, {5 * time.Hour, longestAway}} {
		p := newPlatform(t)
		n := newNode(t, p, 40)
		begin := time.Now()
		p.back = begin.Add(tt.back)
		err := n.run(1, func(o *Options) { o.Now = func() time.Time { return begin } })
		if err != nil || len(n.waits) == 0 || (n.waits[0]-tt.want).Abs() > 2*time.Second {
			t.Errorf("told to come back after %v: waited %v, %v; want %v", tt.back, n.waits, err, tt.want)
		}
	}
}

// control stores a server's control variate.
func (p *platform) control(t *testing.T, values []float32) training.Digest {
	t.Helper()
	var b bytes.Buffer
	name, err := safetensors.Write(&b, []safetensors.Tensor{{Name: "control", Shape: []int{len(values)}, DType: safetensors.F32}}, values)
	if err != nil {
		t.Fatal(err)
	}
	p.blobs[name] = b.Bytes()
	return name
}

// A node that has the base before gets the difference only, and one to whom a
// wrong difference is sent downloads the whole.
func TestBaseByDifference(t *testing.T) {
	for name, spoil := range map[string]bool{"right": false, "spoilt": true} {
		t.Run(name, func(t *testing.T) {
			p := newPlatform(t)
			n := newNode(t, p, 40)
			a := p.decided(1, func(r *protocol.Recipe) { r.Down.Delta = true })
			p.give(a)
			n.mustRun(t, 1)
			before, after := p.model(1), p.model(1)
			for i := range after.Params.Data {
				after.Params.Data[i] *= 1.001
			}
			b := p.decided(2, func(r *protocol.Recipe) { r.Down.Delta = true })
			b.Base, b.BaseSize = p.base(after)
			delta, err := compress.Delta(before.Params.Data, after.Params.Data)
			if err != nil {
				t.Fatal(err)
			}
			if spoil {
				delta[len(delta)/2] ^= 1
			}
			b.Previous, b.Delta = a.Base, training.DigestOf(delta)
			p.blobs[b.Delta] = delta
			p.give(b)
			n.mustRun(t, 1)
			whole := strings.Contains(strings.Join(p.requests, "\n"), "GET "+protocol.PathBlobs+b.Base.Hex())
			if whole != spoil || len(n.reports) != 2 {
				t.Errorf("downloaded whole: %v, want %v; reports %d\n%s", whole, spoil, len(n.reports), n.out)
			}
		})
	}
}
