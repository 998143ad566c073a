package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// window is the length of a training sequence in tokens.
const window = 64

// role is a client: sequences to train on and to be tested on.
type role struct {
	name        string
	train, test sequences
}

// sequences are whole windows: tokens and the tokens that follow them.
type sequences struct{ tokens, targets []int32 }

func (s sequences) len() int { return len(s.tokens) / window }

// slice returns the windows from, from+1 … to-1.
func (s sequences) slice(from, to int) sequences {
	return sequences{s.tokens[from*window : to*window], s.targets[from*window : to*window]}
}

// rolesOf reads speeches. A role needs two windows to train on and trains on
// at most so many, so that no role is the study; roles are in the order of
// their names.
func rolesOf(text string, most int) ([]role, error) {
	speeches := map[string][]string{}
	for _, block := range strings.Split(text, "\n\n") {
		name, words, ok := strings.Cut(strings.TrimSpace(block), ":\n")
		if ok && !strings.Contains(name, "\n") {
			speeches[name] = append(speeches[name], words)
		}
	}
	var roles []role
	for name, all := range speeches {
		cut := len(all) * 4 / 5
		r := role{name: name, train: windows(strings.Join(all[:cut], "\n")), test: windows(strings.Join(all[cut:], "\n"))}
		if r.train.len() < 2 {
			continue
		}
		r.train = r.train.slice(0, min(most, r.train.len()))
		roles = append(roles, r)
	}
	if len(roles) < 20 {
		return nil, fmt.Errorf("the text has %d roles with enough speeches, want 20", len(roles))
	}
	slices.SortFunc(roles, func(a, b role) int { return cmp.Compare(a.name, b.name) })
	return roles, nil
}

// largestFirst puts the roles that have most to train on at the beginning.
func largestFirst(roles []role) []role {
	sorted := slices.Clone(roles)
	slices.SortStableFunc(sorted, func(a, b role) int { return cmp.Compare(b.train.len(), a.train.len()) })
	return sorted
}

// windows cuts text into sequences; what is left over at the end is dropped.
func windows(text string) sequences {
	var s sequences
	for from := 0; from+window < len(text); from += window {
		for i := from; i < from+window; i++ {
			s.tokens, s.targets = append(s.tokens, int32(text[i])), append(s.targets, int32(text[i+1]))
		}
	}
	return s
}

// together joins what roles train on.
func together(roles []role) sequences {
	var all sequences
	for _, r := range roles {
		all.tokens, all.targets = append(all.tokens, r.train.tokens...), append(all.targets, r.train.targets...)
	}
	return all
}

// tests joins what the roles are tested on: every n-th window, so that at
// most the wanted number is left.
func tests(roles []role, wanted int) sequences {
	var all, few sequences
	for _, r := range roles {
		all.tokens, all.targets = append(all.tokens, r.test.tokens...), append(all.targets, r.test.targets...)
	}
	for i := 0; i < all.len(); i += max(1, (all.len()+wanted-1)/wanted) {
		w := all.slice(i, i+1)
		few.tokens, few.targets = append(few.tokens, w.tokens...), append(few.targets, w.targets...)
	}
	return few
}
