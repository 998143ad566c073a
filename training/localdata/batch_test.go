package localdata

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestBatchIsTheSpecification(t *testing.T) {
	// SplitMix64 with seed 1234567, the published sequence.
	g := splitMix64{1234567}
	for _, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431} {
		if got := g.next(); got != want {
			t.Errorf("SplitMix64 = %d, want %d", got, want)
		}
	}
	stream := NewStream([]Record{{Text: "abcdefg"}, {Text: "é"}})
	if stream.Len() != 11 {
		t.Fatalf("stream of %d ids, want 7+1+2+1", stream.Len())
	}
	inputs, targets, err := stream.Batch(42, 7, 3, 4)
	if got, want := fmt.Sprint(inputs, targets, err), wantBatch; got != want {
		t.Errorf("Batch = %s, want %s", got, want)
	}
}

// wantBatch pins the draw, as another program computed it from the package
// comment: a change of it is a change of every replay.
const wantBatch = `[100 101 102 103 98 99 100 101 101 102 103 0] [101 102 103 0 99 100 101 102 102 103 0 195] <nil>`

func TestBatchTargetsAreMovedByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z]{1,60}`).Draw(t, "text")
		stream := NewStream([]Record{{Text: text}})
		context := rapid.IntRange(1, len(text)).Draw(t, "context")
		b := rapid.IntRange(1, 5).Draw(t, "sequences")
		seed, step := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 1000).Draw(t, "step")
		inputs, targets, err := stream.Batch(seed, step, b, context)
		if err != nil || len(inputs) != b*context || len(targets) != b*context {
			t.Fatalf("Batch: %d and %d ids, %v", len(inputs), len(targets), err)
		}
		whole := text + "\x00"
		for i := range b {
			window := append(slices.Clone(inputs[i*context:(i+1)*context]), targets[(i+1)*context-1])
			raw := make([]byte, len(window))
			for j, id := range window {
				raw[j] = byte(id)
			}
			if !strings.Contains(whole, string(raw)) || !slices.Equal(window[1:], targets[i*context:(i+1)*context]) {
				t.Fatalf("sequence %d: %v then %v is not a window of %q", i, inputs, targets, whole)
			}
		}
	})
}

func TestBatchReachesEveryWindow(t *testing.T) {
	stream := NewStream([]Record{{Text: "abcdefghi"}}) // 10 ids: starts 0 to 6 for a context of 3
	counts := map[int32]int{}
	for step := range 700 {
		inputs, _, err := stream.Batch(1, step, 10, 3)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(inputs); i += 3 {
			counts[inputs[i]]++
		}
	}
	for c := int32('a'); c <= 'g'; c++ {
		if counts[c] < 880 || counts[c] > 1120 { // 1,000 ± 4 standard deviations
			t.Errorf("window at %c drawn %d times of 7,000, want about 1,000", c, counts[c])
		}
	}
	if len(counts) != 7 {
		t.Errorf("windows %v, want 7", counts)
	}
}

func TestBatchRefuses(t *testing.T) {
	stream := NewStream([]Record{{Text: "abc"}})
	for _, tt := range []struct{ step, sequences, context int }{{-1, 1, 1}, {0, 0, 1}, {0, 1, 0}, {0, 1, 4}} {
		if _, _, err := stream.Batch(1, tt.step, tt.sequences, tt.context); err == nil {
			t.Errorf("Batch(%+v) of 4 ids was drawn", tt)
		}
	}
	if _, _, err := NewStream(nil).Batch(1, 0, 1, 1); err == nil {
		t.Error("a batch was drawn from nothing")
	}
}
