package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// teach learns up to merges pairs from texts dealt to nodes, k pairs a step.
func teach(t testing.TB, nodes [][]string, merges, k int, floor int64, least int) *Learner {
	t.Helper()
	l := NewLearner()
	var local []*Words
	for _, texts := range nodes {
		w := NewWords()
		for _, text := range texts {
			if err := w.Add(text); err != nil {
				t.Fatal(err)
			}
		}
		local = append(local, w)
	}
	for len(l.v.merges) < merges {
		for _, w := range local {
			if err := l.Add(w.Counts(floor), floor); err != nil {
				t.Fatal(err)
			}
		}
		chosen := l.Next(min(k, merges-len(l.v.merges)), least)
		if len(chosen) == 0 {
			break
		}
		for _, w := range local {
			if err := w.Apply(chosen); err != nil {
				t.Fatal(err)
			}
		}
	}
	return l
}

// plainLearn is Sennrich et al. 2016, Algorithm 1, over bytes: recount all
// words for each merge. Nothing of it is shared with Words and Learner but the
// cutting of words.
func plainLearn(texts []string, merges int) (list [][2]string) {
	count := map[string]int64{}
	for _, text := range texts {
		pieces(text, false, func(w string) {
			if len(w) <= countable {
				count[w]++
			}
		})
	}
	split := map[string][]string{}
	ids := map[string]int{}
	for b := range 256 {
		ids[string([]byte{byte(b)})] = b
	}
	for w := range count {
		for i := range len(w) {
			split[w] = append(split[w], w[i:i+1])
		}
	}
	for range merges {
		sums := map[[2]string]int64{}
		for w, parts := range split {
			for i := 1; i < len(parts); i++ {
				sums[[2]string{parts[i-1], parts[i]}] += count[w]
			}
		}
		if len(sums) == 0 {
			break
		}
		best := slices.MaxFunc(slices.Collect(maps.Keys(sums)), func(a, b [2]string) int {
			if sums[a] != sums[b] {
				return int(sums[a] - sums[b])
			}
			if ids[a[0]] != ids[b[0]] {
				return ids[b[0]] - ids[a[0]]
			}
			return ids[b[1]] - ids[a[1]]
		})
		list = append(list, best)
		if _, ok := ids[best[0]+best[1]]; !ok {
			ids[best[0]+best[1]] = len(ids)
		}
		for w, parts := range split {
			var joined []string
			for i := 0; i < len(parts); i++ {
				if i+1 < len(parts) && parts[i] == best[0] && parts[i+1] == best[1] {
					joined = append(joined, best[0]+best[1])
					i++
				} else {
					joined = append(joined, parts[i])
				}
			}
			split[w] = joined
		}
	}
	return list
}

func TestLearnerIsThePlainAlgorithmOverAllNodes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("aabbcd  é'")), 0, 200, -1)
		nodes := rapid.SliceOfN(rapid.SliceOfN(text, 0, 3), 1, 4).Draw(rt, "nodes")
		l := teach(t, nodes, 30, 1, 1, 1)
		var got [][2]string
		for _, p := range l.v.merges {
			got = append(got, [2]string{l.v.tokens[p.Left], l.v.tokens[p.Right]})
		}
		if want := plainLearn(slices.Concat(nodes...), 30); !slices.Equal(got, want) {
			rt.Fatalf("nodes %q learnt %q, one text learns %q", nodes, got, want)
		}
	})
}

func TestLearnerForgetsTheOrderOfNodes(t *testing.T) {
	nodes := [][]string{{"the cat sat on the mat"}, {"the hat that the cat had"}, {"a cat, a hat, a mat"}}
	a := teach(t, nodes, 20, 4, 1, 1)
	slices.Reverse(nodes)
	b := teach(t, nodes, 20, 4, 1, 1)
	if !slices.Equal(a.v.merges, b.v.merges) || len(a.v.merges) < 10 {
		t.Errorf("learnt %v and, nodes reversed, %v", a.v.merges, b.v.merges)
	}
}

func TestWhatIsRareStaysOnTheNode(t *testing.T) {
	w := NewWords()
	if err := w.Add(strings.Repeat("the ", 50) + "hunter2"); err != nil {
		t.Fatal(err)
	}
	for _, c := range w.Counts(5) {
		if text := w.v.tokens[c.Left] + w.v.tokens[c.Right]; !strings.Contains(" the", text) || c.N < 5 {
			t.Errorf("Counts(5) tells %q, %d times", text, c.N)
		}
	}
	if len(w.Counts(5)) != 3 { // " t", "th", "he"
		t.Errorf("Counts(5) = %v, want 3 pairs", w.Counts(5))
	}
	secret := strings.Repeat("hunter2 ", 100)
	l := teach(t, [][]string{{secret, "the the the"}, {"the the the"}}, 50, 1, 1, 2)
	for _, token := range l.v.tokens[256:] {
		if !strings.Contains(" the", token) {
			t.Errorf("one node's %q became a token", token)
		}
	}
	if l.Len() < 258 {
		t.Errorf("learnt %d tokens, want the words of both nodes", l.Len()-256)
	}
}

func TestLearnerRefuses(t *testing.T) {
	l := NewLearner()
	if err := l.Add([]Count{{Pair{97, 98}, 9}}, 1); err != nil {
		t.Fatal(err)
	}
	if got := l.Next(1, 1); !slices.Equal(got, []Pair{{97, 98}}) {
		t.Fatalf("Next = %v", got)
	}
	for _, tt := range []struct {
		name   string
		counts []Count
		floor  int64
	}{
		{"unknown token", []Count{{Pair{97, 257}, 9}}, 1},
		{"negative token", []Count{{Pair{-1, 97}, 9}}, 1},
		{"below the floor", []Count{{Pair{98, 97}, 4}}, 5},
		{"none", []Count{{Pair{98, 97}, 0}}, 0},
		{"too many", []Count{{Pair{98, 97}, maxCount + 1}}, 1},
		{"twice", []Count{{Pair{98, 97}, 9}, {Pair{98, 97}, 9}}, 1},
		{"out of order", []Count{{Pair{98, 97}, 9}, {Pair{97, 97}, 9}}, 1},
		{"joined before", []Count{{Pair{97, 98}, 9}}, 1},
	} {
		if err := l.Add(tt.counts, tt.floor); err == nil {
			t.Errorf("%s: Add(%v) was not refused", tt.name, tt.counts)
		}
	}
	if got := l.Next(1, 1); len(got) != 0 {
		t.Errorf("refused counts left %v to join", got)
	}
	w := NewWords()
	if err := w.Apply([]Pair{{97, 98}, {256, 300}}); err == nil {
		t.Error("Apply took an unknown token")
	}
	if err := w.Add("late"); err == nil {
		t.Error("Add took text after Apply")
	}
	if _, err := FromMerges([]Pair{{97, 98}, {97, 98}}); err == nil {
		t.Error("FromMerges took a pair twice")
	}
}

func TestCountsAreJSON(t *testing.T) {
	text, err := json.Marshal([]Count{{Pair{1, 2}, 3}})
	if want := `[{"left":1,"right":2,"n":3}]`; err != nil || string(text) != want {
		t.Errorf("Marshal = %s, %v, want %s", text, err, want)
	}
}

// prose is text with repetition, for vocabularies of tests.
var prose = func() string {
	var b bytes.Buffer
	for i := range 400 {
		fmt.Fprintf(&b, "It's the %d. year that they've gone to the harbour, isn't it?\n\tif x[%d] == nil {\n\t\treturn err\n\t}\n  Größe, naïve café — 数学 %d%%.\n", i, i*7, i)
	}
	return b.String()
}()

func BenchmarkLearn(b *testing.B) {
	for b.Loop() {
		teach(b, [][]string{{prose}, {prose}}, 500, 8, 2, 2)
	}
}
