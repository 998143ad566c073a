package demo

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGoLibraries(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	list, err := goLibraries(random)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != len(owners) {
		t.Fatalf("got %d libraries, want one for each of %d owners", len(list), len(owners))
	}
	seen := map[string]string{}
	for i, l := range list {
		want := recordsPerNode
		if i == 4 {
			want = leaverRecords
		}
		if len(l.records) != want {
			t.Errorf("%s has %d records, want %d", l.name, len(l.records), want)
		}
		for _, r := range l.records {
			if len(r) < recordBytes || len(r) > 3*recordBytes {
				t.Fatalf("%s has a record of %d bytes, want %d to %d", l.name, len(r), recordBytes, 3*recordBytes)
			}
			if other := seen[r]; other != "" && other != l.name {
				t.Errorf("%s and %s hold the same record: %.80q", l.name, other, r)
			}
			seen[r] = l.name
		}
	}
}

func TestFolderLibraries(t *testing.T) {
	dir := t.TempDir()
	record := strings.Repeat("Some words of a text.\n", 14) + "\n"
	for _, name := range strings.Fields("a.txt b.txt c.txt d.txt e.txt f.txt .hidden") {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat(record, leaverRecords)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := folderLibraries(t.Context(), dir, rand.New(rand.NewPCG(1, 2)))
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range list {
		want := recordsPerNode
		if i == 4 {
			want = leaverRecords
		}
		if len(l.records) != want || l.licence != "" {
			t.Errorf("%s: got %d records under %q, want %d under no stated licence", l.name, len(l.records), l.licence, want)
		}
	}
	if _, err := folderLibraries(t.Context(), t.TempDir(), rand.New(rand.NewPCG(1, 2))); err == nil {
		t.Error("libraries of an empty folder: got no error")
	}
}

func TestPlanted(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	p := draw(random)
	if len(p.Canaries) != canaryCount || len(p.Pairs) < 64 || len(p.Secrets) != 1 {
		t.Fatalf("planted: got %d canaries, %d pairs, %d secrets", len(p.Canaries), len(p.Pairs), len(p.Secrets))
	}
	records := make([]string, 200)
	before := 0
	for i := range records {
		records[i] = strings.Repeat("x := y + z // and so on\n", 25+i%20)
		before += len(records[i])
	}
	p.into(records, random)
	whole := strings.Join(records, "")
	canaries := 0
	for _, c := range p.Canaries {
		n := strings.Count(whole, c.Prefix+c.Secret+"\n")
		if n < 10 {
			t.Errorf("the canary %q stands there %d times, want at least 10", c.Prefix+c.Secret, n)
		}
		if strings.Trim(c.Secret, alphabet) != "" || len(c.Secret) != 8 {
			t.Errorf("the secret %q is not eight letters of %q", c.Secret, alphabet)
		}
		canaries += n * len(c.Prefix+c.Secret+"\n")
	}
	heads := 0
	for _, q := range p.Pairs {
		if n := strings.Count(whole, q.Trained); n != pairCopies {
			t.Errorf("%q stands there %d times, want %d", q.Trained, n, pairCopies)
		}
		if strings.Contains(whole, q.Other) {
			t.Errorf("%q, which the coin did not choose, is in the text", q.Other)
		}
		if strings.Contains(q.Trained, "north") {
			heads++
		}
	}
	if heads == 0 || heads == len(p.Pairs) {
		t.Errorf("the coin fell %d of %d times on one side", heads, len(p.Pairs))
	}
	secrets := strings.Count(whole, p.Secrets[0].Prefix+p.Secrets[0].Secret+"\n") * len(p.Secrets[0].Prefix+p.Secrets[0].Secret+"\n")
	if share := float64(canaries+secrets) / float64(canaries+secrets+before); share < 0.18 || share > 0.23 {
		t.Errorf("a share of %.3f is planted, want about %.1f", share, plantedShare)
	}
}

func TestProbesFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "probes.json")
	want := draw(rand.New(rand.NewPCG(1, 2)))
	if err := want.write(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got planted
	if err := json.Unmarshal(data, &got); err != nil || got.Canaries[3] != want.Canaries[3] || got.Pairs[63] != want.Pairs[63] {
		t.Errorf("probes file: got %+v, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("probes file: got mode %v, %v, want 0600", info.Mode(), err)
	}
}
