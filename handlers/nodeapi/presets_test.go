package nodeapi_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/recipes"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/workers"
	"codeberg.org/althing/althing/workers/agent"
)

// asNode makes the test's program the node program, so that machines are
// processes of their own.
const asNode = "ALTHING_TEST_AS_NODE"

func TestMain(m *testing.M) {
	if os.Getenv(asNode) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := agent.Command(ctx, os.Args[1:], agent.Terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "node: "+err.Error())
		os.Exit(1)
	}
}

// process registers a node of a member and starts the node program for it.
func (w *whole) process(ctx context.Context, owner governance.MemberID, text string) {
	w.t.Helper()
	home := w.t.TempDir()
	file := filepath.Join(home, "token")
	if err := os.WriteFile(file, []byte(w.register(ctx, owner)), 0o600); err != nil {
		w.t.Fatal(err)
	}
	node := func(args ...string) *exec.Cmd {
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = append(os.Environ(), asNode+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		return cmd
	}
	dir := filepath.Join(home, "node")
	if out, err := node("join", "--dir", dir, "--url", w.url, "--token-file", file).CombinedOutput(); err != nil {
		w.t.Fatalf("join: %v\n%s", err, out)
	}
	run := node("run", "--dir", dir, "--text", text, "--threads", "1")
	run.Stdout, run.Stderr = w, w
	if err := run.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = run.Process.Kill()
		_ = run.Wait()
	})
}

// small keeps what a preset is and makes it fit five small machines.
func small(r protocol.Recipe) protocol.Recipe {
	r.Steps, r.BatchTokens, r.LearnRate, r.Deadline = min(r.Steps, 30), 128, "0.01", 60
	r.Cohort, r.MinReports = 5, 3
	r.Local.Warmup = min(r.Local.Warmup, 5)
	if r.Server.Rule == protocol.DiLoCo { // its momentum carries far
		r.LearnRate = "0.002"
	}
	if r.Robust.Rule != "" {
		r.Robust.Byzantine = 1
	}
	if r.Privacy.On() { // what fifty members would drown is too much for five
		r.Privacy.Noise, r.Privacy.Clip, r.Privacy.Ceiling = "0.3", "0.05", "200"
		r.Privacy.Rounds = recipes.RoundsUnder(r.Privacy)
	}
	r.Selection.MinMemory, r.Selection.MinSpeed = min(r.Selection.MinMemory, 16), min(r.Selection.MinSpeed, 1)
	return r
}

// TestPresetsWithRealNodes trains by each of the six presets with five node
// programs over HTTP, and computes every round again.
func TestPresetsWithRealNodes(t *testing.T) {
	t.Parallel()
	w := newWholeWith(t, rounds.Options{Choose: workers.Choose})
	ctx := t.Context()
	for i, owner := range memberstest.Join(t, w.Bench.Bench, "Anna", "Bert", "Cleo", "Dora", "Emil") {
		w.process(ctx, owner, records(t, i))
	}
	w.reported(ctx, 5)
	for _, p := range recipes.Presets() {
		t.Run(p.Key, func(t *testing.T) {
			r := small(p.Recipe(2, w.base.Hex(), 32))
			if err := recipes.Check(r, recipes.Circumstances{Nodes: 5}); err != nil {
				t.Fatal(err)
			}
			w.campaign(t, r)
		})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.Contains(w.said.String(), "refused") || strings.Contains(w.said.String(), "trying again") {
		t.Errorf("something went wrong on the way:\n%s", &w.said)
	}
	if !strings.Contains(w.said.String(), "made the base from the one before") {
		t.Errorf("nobody used a difference of bases:\n%s", &w.said)
	}
}

// campaign trains by a recipe to the end and checks what every round recorded.
func (w *whole) campaign(t *testing.T, r protocol.Recipe) {
	t.Helper()
	ctx := t.Context()
	c, all := w.train(ctx, r)
	if c.State != rounds.Finished || c.Done != 2 {
		t.Fatalf("campaign: %s with %d rounds, %s\n%+v", c.State, c.Done, c.Reason, all)
	}
	for _, round := range all {
		if round.State != rounds.Accepted {
			continue
		}
		if !r.Privacy.On() && !(round.LossAfter < round.LossBase) { // noise may cost what five members teach
			t.Errorf("round %d: loss %s, and %s of the base", round.Number, round.LossAfter, round.LossBase)
		}
		in, err := w.Rounds.Inputs(ctx, round.ID)
		if err != nil {
			t.Fatal(err)
		}
		mean, err := workers.ComputeMean(ctx, w.parts.Blobs, w.parts.Keys, in)
		if err != nil || mean.Digest != round.Checkpoint {
			t.Errorf("round %d computed again: %v, want %s", round.Number, err, round.Checkpoint)
		}
		if round.Raw == 0 || round.Sent == 0 || r.Up.Codec != "" && round.Sent >= round.Raw*6/10 {
			t.Errorf("round %d: %d bytes of %d sent as %s", round.Number, round.Sent, round.Raw, r.Up.Name())
		}
	}
}
