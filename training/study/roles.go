package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// role is a client: sequences to train on and to be tested on.
type role struct {
	name        string
	train, test sequences
}

// sequences are whole windows: tokens and the tokens that follow them.
type sequences struct {
	tokens, targets []int32
	time            int // tokens of a window
}

func (s sequences) len() int { return len(s.tokens) / max(1, s.time) }

// slice returns the windows from, from+1 … to-1.
func (s sequences) slice(from, to int) sequences {
	return sequences{s.tokens[from*s.time : to*s.time], s.targets[from*s.time : to*s.time], s.time}
}

// join appends the windows of other, which are as long.
func (s sequences) join(other sequences) sequences {
	return sequences{append(s.tokens, other.tokens...), append(s.targets, other.targets...), other.time}
}

// rolesOf reads speeches into windows of so many bytes. A role needs two
// windows to train on and trains on at most so many, so that no role is the
// study; roles are in the order of their names.
func rolesOf(text string, time, most int) ([]role, error) {
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
		r := role{name: name, train: windows(strings.Join(all[:cut], "\n"), time), test: windows(strings.Join(all[cut:], "\n"), time)}
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

// clients are the roles of the study with most to say, in the order of their
// names, spelled in the alphabet of the text.
func (s roundsStudy) clientsOf(text string) (roles []role, symbols int, err error) {
	of, symbols := alphabet(text)
	roles, err = rolesOf(text, roundsShape(symbols).Context, s.windows)
	if err != nil {
		return nil, 0, err
	}
	roles = largestFirst(roles)
	roles = roles[:min(s.clients, len(roles))]
	for i := range roles {
		roles[i].train, roles[i].test = spelled(roles[i].train, of), spelled(roles[i].test, of)
	}
	return roles, symbols, nil
}

// windows cuts text into sequences; what is left over at the end is dropped.
func windows(text string, time int) sequences {
	s := sequences{time: time}
	for from := 0; from+time < len(text); from += time {
		for i := from; i < from+time; i++ {
			s.tokens, s.targets = append(s.tokens, int32(text[i])), append(s.targets, int32(text[i+1]))
		}
	}
	return s
}

// alphabet gives every byte that occurs in the text a number, in the order of
// the bytes, and returns how many there are.
func alphabet(text string) (of [256]int32, symbols int) {
	var occurs [256]bool
	for i := range len(text) {
		occurs[text[i]] = true
	}
	for b, yes := range occurs {
		if yes {
			of[b] = int32(symbols)
			symbols++
		}
	}
	return of, symbols
}

// spelled returns the sequences in an alphabet.
func spelled(s sequences, of [256]int32) sequences {
	out := sequences{make([]int32, len(s.tokens)), make([]int32, len(s.targets)), s.time}
	for i := range s.tokens {
		out.tokens[i], out.targets[i] = of[s.tokens[i]], of[s.targets[i]]
	}
	return out
}

// together joins what roles train on.
func together(roles []role) sequences {
	var all sequences
	for _, r := range roles {
		all = all.join(r.train)
	}
	return all
}

// tests joins what the roles are tested on: every n-th window, so that at
// most the wanted number is left.
func tests(roles []role, wanted int) sequences {
	var all, few sequences
	for _, r := range roles {
		all = all.join(r.test)
	}
	for i := 0; i < all.len(); i += max(1, (all.len()+wanted-1)/wanted) {
		few = few.join(all.slice(i, i+1))
	}
	return few
}
