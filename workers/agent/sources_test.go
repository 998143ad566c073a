package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
)

// writeSources puts the list of sources into a node's folder.
func (n *node) writeSources(t testing.TB, s localdata.Sources) {
	t.Helper()
	data, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(filepath.Join(n.dir, localdata.SourcesFile), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func fromFile(o *Options) { o.Folder = "" }

// told returns the strata that left the machine.
func (p *platform) told(t testing.TB) (all []protocol.Strata) {
	t.Helper()
	rows := strings.Split(p.sent.String(), "\n")
	for i, row := range rows {
		if !strings.HasPrefix(row, "POST "+protocol.PathStrata) {
			continue
		}
		s, err := protocol.Decode[protocol.Strata]([]byte(rows[i+1]))
		if err != nil || s.Check() != nil {
			t.Fatalf("strata %s: %v, %v", rows[i+1], err, s.Check())
		}
		all = append(all, s)
	}
	return all
}

func TestNodeTrainsOnItsSources(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 0)
	first, second := textFolder(t, 40), textFolder(t, 0)
	for i := range 40 {
		if err := os.WriteFile(filepath.Join(second, fmt.Sprintf("%d.md", i)), []byte(fmt.Sprintf("Other text, number %d of them.", i)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := localdata.Sources{Region: "europe", Sources: []localdata.Source{
		{Name: "diary", Kind: localdata.Folder, Path: first, Licence: "CC0-1.0"}, {Name: "manual", Kind: localdata.Folder, Path: second, Licence: "MIT"},
	}}
	if err := n.run(1, fromFile); err == nil || !strings.Contains(err.Error(), localdata.SourcesFile) {
		t.Errorf("without sources: %v", err)
	}
	n.writeSources(t, s)
	p.give(p.training(protocol.Train))
	n.mustRun(t, 1, fromFile)
	strata := p.told(t)
	if len(strata) != 1 || strata[0].Root != p.manifest[0].Root {
		t.Fatalf("strata %v of manifest %v", strata, p.manifest)
	}
	if got := fmt.Sprint(strata[0].Strata); !strings.Contains(got, "{region europe 50}") || !strings.Contains(got, "{domain prose 20}") || !strings.Contains(got, "{licence permissive 20}") {
		t.Errorf("strata %s", got)
	}
	for _, never := range []string{"diary", "manual", "Other text", canary} {
		if strings.Contains(p.sent.String(), never) {
			t.Errorf("%q left the machine", never)
		}
	}

	s.Sources[0].Out = true
	n.writeSources(t, s)
	before := p.manifest[len(p.manifest)-1]
	a := p.training(protocol.Train)
	a.ID, a.Round, a.Number = a.ID+1, a.Round+1, a.Number+1
	p.give(a)
	n.mustRun(t, 1, fromFile)
	now := p.manifest[len(p.manifest)-1]
	if now.Suppressed == 0 || now.Records >= before.Records || now.Records+now.Suppressed != before.Records {
		t.Errorf("after opting out %+v, before %+v", now, before)
	}
	if !strings.Contains(n.out.String(), "you opted out") {
		t.Errorf("the owner is not told:\n%s", n.out)
	}
	files, err := filepath.Glob(filepath.Join(n.dir, "records", "records", "*"))
	if err != nil || int64(len(files)) != now.Records {
		t.Errorf("%d copies are kept, want those of %d records: %v", len(files), now.Records, err)
	}
}

func TestOlderPlatformIsNotToldOfStrata(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	p.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != protocol.PathStrata {
			return false
		}
		p.problem(w, 404, "not-found", "The node API has no such message.")
		return true
	}
	p.give(p.training(protocol.Train))
	n.mustRun(t, 1)
	if n.lastReport(t).Refused != "" {
		t.Errorf("report %+v", n.lastReport(t))
	}
}

func TestPreview(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.md": "Read me \x1b[31mfirst\x1b[0m.", "b.md": "Read me \x1b[31mfirst\x1b[0m.", "c.go": "// SPDX-License-" + "Identifier: MIT\npackage c",
		"keys.txt": "password = x1y2z3w4v5u6", "old.bin": "\x00", "latin.txt": "caf\xe9",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	preview := func(args ...string) (string, error) {
		var out, errs bytes.Buffer
		err := Command(t.Context(), append([]string{"preview", "--dir", filepath.Join(dir, "none")}, args...), Terminal{nil, &out, &errs})
		return out.String(), err
	}
	out, err := preview("--text", dir, "--licence", "CC0-1.0")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"4 files and messages", "3 records would be offered", "CC0-1.0                         2 records", "MIT                             1 records",
		"1 pieces are there more than once", "not UTF-8", "old.bin: binary", "assigned secret", "keys.txt, line 1", "── folder: c.go (code, go, MIT)", "password = [secret]", "Nothing of this has left",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the preview lacks %q:\n%s", want, out)
		}
	}
	if strings.ContainsAny(out, "\x1b\x00") || strings.Contains(out, "x1y2z3") {
		t.Errorf("the preview shows a secret or moves the cursor:\n%q", out)
	}
	again, err := preview("--text", dir, "--licence", "CC0-1.0")
	if err != nil || again != out {
		t.Errorf("another look shows something else: %v", err)
	}
	if out, err = preview("--text", dir); err != nil || !strings.Contains(out, "What licence have the 3 pieces") || strings.Contains(out, "keys.txt (") {
		t.Errorf("unknown licences are not asked for: %v\n%s", err, out)
	}
	if _, err = preview(); err == nil || !strings.Contains(err.Error(), "--text") {
		t.Errorf("nothing to look at: %v", err)
	}
	if _, err = preview("--mail", filepath.Join(dir, "missing")); err == nil {
		t.Error("a mailbox that is not there was looked at")
	}
}
