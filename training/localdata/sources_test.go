package localdata

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
)

var licenceTag = "SPDX-License-" + "Identifier: "

// lines writes pieces for comparison.
func lines(pieces []Piece) string {
	var out []string
	for _, p := range pieces {
		out = append(out, strings.Join([]string{p.Source, p.Path, p.Domain, p.Licence, strings.ReplaceAll(p.Text, "\n", "/")}, "|"))
	}
	return strings.Join(out, "\n")
}

func reads(t testing.TB, s Sources) ([]Piece, Report) {
	t.Helper()
	pieces, report, err := Read(context.Background(), s, []byte("salt"))
	if err != nil {
		t.Fatal(err)
	}
	return pieces, report
}

func TestReadAsksForLicences(t *testing.T) {
	dir := folder(t, map[string]string{
		"a/LICENSE":               "Permission is hereby granted, free of charge, to any person obtaining a copy of this software … this permission notice shall be included",
		"a/x.go":                  "package x",
		"a/deep/y.py":             "y = 1",
		"a/gpl.c":                 "// " + licenceTag + "GPL-3.0-only\nint z;",
		"b/COPYING":               "All rights reserved.",
		"b/closed.md":             "closed",
		"c/poem.txt":              "roses",
		"c/poem.txt" + ".license": licenceTag + "CC0-1.0",
		"c/open.txt":              "nothing stated",
	})
	s := Sources{Sources: []Source{{Name: "all", Kind: Folder, Path: dir}}}
	for _, tt := range []struct {
		name    string
		unknown string
		allowed []string
		want    string
		held    map[string]int
		asked   int
	}{
		{"ask", Ask, nil, "all|a/deep/y.py|code|MIT|y = 1\nall|a/gpl.c|code|GPL-3.0-only|// " + licenceTag + "GPL-3.0-only/int z;\nall|a/x.go|code|MIT|package x\nall|c/poem.txt|prose|CC0-1.0|roses",
			map[string]int{"no licence is stated": 1, "the licence that is stated is not known here": 1}, 2},
		{"leave", Leave, []string{"CC0-1.0"}, "all|c/poem.txt|prose|CC0-1.0|roses",
			map[string]int{"no licence is stated": 1, "the licence that is stated is not known here": 1, "MIT is not among the licences that you allow": 2, "GPL-3.0-only is not among the licences that you allow": 1}, 0},
		{"take", Take, []string{"CC0-1.0"}, "all|b/closed.md|docs|LicenseRef-unknown|closed\nall|c/open.txt|prose||nothing stated\nall|c/poem.txt|prose|CC0-1.0|roses",
			map[string]int{"MIT is not among the licences that you allow": 2, "GPL-3.0-only is not among the licences that you allow": 1}, 0},
	} {
		s.Unknown, s.Licences = tt.unknown, tt.allowed
		pieces, report := reads(t, s)
		if got := lines(pieces); got != tt.want {
			t.Errorf("%s:\n%s\nwant:\n%s", tt.name, got, tt.want)
		}
		if !maps.Equal(report.Held, tt.held) || report.Asked != tt.asked {
			t.Errorf("%s: held back %v, asked %d; want %v and %d", tt.name, report.Held, report.Asked, tt.held, tt.asked)
		}
	}
}

func TestAllowsReadsExpressions(t *testing.T) {
	list := []string{"MIT", "ISC"}
	for expression, want := range map[string]bool{
		"MIT": true, "Apache-2.0": false, "Apache-2.0 OR MIT": true, "MIT AND Apache-2.0": false, "MIT AND ISC": true, "Apache-2.0 OR MIT AND ISC": true,
	} {
		if got := allows(list, expression); got != want {
			t.Errorf("allows(%v, %q) = %v, want %v", list, expression, got, want)
		}
	}
}

func TestLicenceByText(t *testing.T) {
	mit := "Permission is hereby granted, free of charge, to any person obtaining a copy\n of this software. The above copyright notice and this permission notice shall be included in all copies."
	for _, tt := range []struct{ text, want string }{
		{mit, "MIT"},
		{strings.ReplaceAll(mit, " ", "\n// "), "MIT"},
		{"Permission is hereby granted, free of charge, to any person obtaining a copy of this software.", "MIT-0"},
		{"Redistribution and use in source and binary forms, with or without modification, are permitted", "BSD-2-Clause"},
		{"Redistribution and use in source and binary forms, with or without modification. Neither the name of X", "BSD-3-Clause"},
		{"GNU AFFERO GENERAL PUBLIC LICENSE\n   Version 3, 19 November 2007", "AGPL-3.0-only"},
		{"GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007 … GNU Lesser General Public License instead", "GPL-3.0-only"},
		{"Creative Commons\nAttribution-ShareAlike 4.0 International", "CC-BY-SA-4.0"},
		{"Creative Commons Attribution 4.0 International Public License", "CC-BY-4.0"},
		{licenceTag + "ISC", "ISC"},
		{mit + "\nApache License\nVersion 2.0, January 2004", unknownLicence},
		{"All rights reserved.", unknownLicence},
		{"", unknownLicence},
	} {
		if got := licenceByText(tt.text); got != tt.want {
			t.Errorf("licenceByText(%.60q) = %s, want %s", tt.text, got, tt.want)
		}
	}
	for _, f := range fingerprints {
		if !slices.Contains(licences, f.licence) || plainWords(f.has) != f.has || plainWords(f.and) != f.and || plainWords(f.not) != f.not {
			t.Errorf("the fingerprint of %s can never match", f.licence)
		}
	}
	for _, l := range licences {
		if LicenceClass(l) == "unknown" {
			t.Errorf("%s has no class", l)
		}
	}
}

func TestLicenceFiles(t *testing.T) {
	for name, want := range map[string]bool{
		"LICENSE": true, "a/licence.md": true, "COPYING.LESSER": true, "LICENSE-MIT": true, "UNLICENSE": true, "x.go.license": true,
		"license.go": false, "copying.py": false, "licenses/README": false, "licensing.txt": false,
	} {
		if got := isLicence(name); got != want {
			t.Errorf("isLicence(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"*.go", "a/b.go", true}, {"*.go", "b.md", false}, {"a/**", "a/b/c.md", true}, {"a/**", "ab/c.md", false},
		{"a/*.md", "a/b.md", true}, {"a/*.md", "a/b/c.md", false}, {"b.md", "a/b.md", true},
	} {
		if got := matchesAny([]string{"never", tt.pattern}, tt.name); got != tt.want {
			t.Errorf("%q matches %q: %v, want %v", tt.pattern, tt.name, got, tt.want)
		}
	}
}

func TestParseSourcesRefuses(t *testing.T) {
	const good = `{"sources": [{"name": "notes", "kind": "folder", "path": "/n", "exclude": ["private/**"]}], "region": "europe"}`
	if s, err := ParseSources([]byte(good)); err != nil || s.Sources[0].Exclude[0] != "private/**" {
		t.Errorf("%s: %v", good, err)
	}
	for _, tt := range []struct{ text, want string }{
		{strings.Replace(good, "exclude", "exlude", 1), "exlude"},
		{strings.Replace(good, "folder", "database", 1), "want folder, git, issues"},
		{strings.Replace(good, `"/n"`, `""`, 1), "path is missing"},
		{strings.Replace(good, "europe", "Tórshavn", 1), "region"},
		{strings.Replace(good, "private/**", "[", 1), "pattern"},
		{strings.Replace(good, `"name": "notes"`, `"name": "a/b"`, 1), "a name has"},
		{strings.Replace(good, `"region"`, `"licences": ["mine"], "region"`, 1), "SPDX"},
		{strings.Replace(good, `"region"`, `"unknown": "yes", "region"`, 1), "ask, train or leave"},
		{strings.Replace(good, `"region"`, `"bounds": {"record": 5}, "region"`, 1), "64 bytes"},
		{strings.Replace(good, `"exclude"`, `"domain": "law", "exclude"`, 1), "domain"},
		{strings.Replace(good, `"exclude"`, `"licence": "mine", "exclude"`, 1), "licence"},
		{`{"sources": [{"name":"a","kind":"git","path":"x"},{"name":"a","kind":"git","path":"y"}]}`, "two sources"},
		{good + "{}", "follows"}, {"", "sources"},
	} {
		if _, err := ParseSources([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error about %q", tt.text, err, tt.want)
		}
	}
}

func TestOneBrokenSourceStopsNoOther(t *testing.T) {
	dir := folder(t, map[string]string{"a.txt": "text"})
	s := Sources{Unknown: Take, Sources: []Source{{Name: "gone", Kind: Folder, Path: filepath.Join(dir, "none")}, {Name: "out", Kind: Git, Path: "/", Out: true}, {Name: "here", Kind: Folder, Path: dir}}}
	pieces, report := reads(t, s)
	if len(pieces) != 1 || len(report.Skipped) != 1 || report.Skipped[0].Path != "gone" || !slices.Equal(report.Out, []string{"out"}) {
		t.Errorf("%d pieces, left out %v, out %v", len(pieces), report.Skipped, report.Out)
	}
	if _, _, err := Read(context.Background(), Sources{Sources: s.Sources[:1]}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the only source is missing: %v", err)
	}
	if _, _, err := Read(context.Background(), Sources{Sources: s.Sources[1:2]}, nil); !errors.Is(err, ErrNoText) {
		t.Errorf("everything is out: %v, want ErrNoText", err)
	}
}

func TestOptOutCountsLikeLeaving(t *testing.T) {
	s := open(t, t.TempDir())
	var pieces []Piece
	for i, p := range texts(90) {
		p.Source, p.Path = []string{"notes", "code", "talk"}[i%3], []string{"a/x.md", "b/x.go", "c.json#7"}[i%3]
		if p.Source == "talk" {
			p.Author = author(s.Salt(), "ann")
		}
		pieces = append(pieces, p)
	}
	before := begin(t, s, 1, corpus(t, s, pieces))
	count := func(source string) int { return s.Origins()[source] }
	settings := Sources{Sources: []Source{{Name: "notes", Kind: Folder, Path: "n"}, {Name: "code", Kind: Git, Path: "c"}, {Name: "talk", Kind: Chat, Path: "t"}}}
	for _, tt := range []struct {
		name string
		set  func(*Sources)
		want int
	}{
		{"nothing", func(*Sources) {}, 0},
		{"a source", func(o *Sources) { o.Sources[0].Out = true }, count("notes")},
		{"a source that is not named any more stays out", func(o *Sources) { o.Sources = o.Sources[1:] }, count("notes")},
		{"a folder in it", func(o *Sources) { o.Sources[0].Exclude = []string{"a/**"} }, count("notes")},
		{"files that are not included", func(o *Sources) { o.Sources[1].Include = []string{"*.py"} }, count("code")},
		{"a person", func(o *Sources) { o.Sources[2].Without = []string{"@Ann"} }, count("talk")},
		{"all in again", func(*Sources) {}, 0},
	} {
		now := settings
		now.Sources = slices.Clone(settings.Sources)
		tt.set(&now)
		got, _, err := s.OptOut(now)
		if err != nil || got != tt.want {
			t.Errorf("%s: %d records out, %v; want %d", tt.name, got, err, tt.want)
		}
	}
	settings.Sources[0].Out = true
	if _, _, err := s.OptOut(settings); err != nil {
		t.Fatal(err)
	}
	for name, use := range map[string]func() (Use, error){
		"a new round": func() (Use, error) { return s.Begin(2, corpus(t, s, pieces)) },
	} {
		u, err := use()
		if err != nil || len(u.Train) != len(before.Train)-count("notes") || u.Suppressed[OwnWish] != count("notes") {
			t.Errorf("%s: %d of %d records, suppressed %v, %v; want %d fewer", name, len(u.Train), len(before.Train), u.Suppressed, err, count("notes"))
		}
	}
	if u, err := s.Replay(2); err != nil || len(u.Train) != len(before.Train)-count("notes") {
		t.Errorf("replay: %d records, %v", len(u.Train), err)
	}
}

func TestOptOutErasesAndSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	pieces := texts(60)
	for i := range pieces {
		pieces[i].Source = []string{"a", "b"}[i%2]
	}
	before := begin(t, s, 1, corpus(t, s, pieces))
	out := s.Origins()["a"]
	settings := Sources{Sources: []Source{{Name: "a", Kind: Folder, Path: "x", Out: true}, {Name: "b", Kind: Folder, Path: "y"}}}
	n, erased, err := s.OptOut(settings)
	if err != nil || n != out || erased != out {
		t.Fatalf("out %d, erased %d, %v; want %d", n, erased, err, out)
	}
	s.Close()
	again := open(t, dir)
	u, err := again.Replay(1)
	if err != nil || len(u.Train) != len(before.Train)-out || u.Suppressed[OwnWish] != out {
		t.Errorf("replay after a restart: %d records, suppressed %v, %v; want %d fewer of %d", len(u.Train), u.Suppressed, err, out, len(before.Train))
	}
	again.Close()
	if err := os.WriteFile(filepath.Join(dir, withheldFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(dir); err == nil {
		t.Error("a store with broken opt-outs was opened: it would train on what was opted out")
	}
}

func TestStrataNameNothingRare(t *testing.T) {
	var c Corpus
	add := func(n int, domain, language, licence string, part Part) {
		for range n {
			c.Records = append(c.Records, Record{Domain: domain, Language: language, Licence: licence, Part: part})
		}
	}
	add(130, protocol.Code, "go", "MIT", Train)
	add(30, protocol.Prose, "fr", "CC0-1.0 OR GPL-3.0-only", Train)
	add(15, protocol.Docs, "is", "", Train)
	add(12, protocol.Letters, "fo", "GPL-2.0-only AND MIT", Train)
	add(500, protocol.Talk, "en", "MIT", Validate)
	root := training.DigestOf([]byte("root"))
	got := Strata(root, c, "", "small")
	want := []protocol.Stratum{
		{Kind: "domain", Value: "code", Records: 100}, {Kind: "domain", Value: "other", Records: 20}, {Kind: "domain", Value: "prose", Records: 20},
		{Kind: "hardware", Value: "small", Records: 100},
		{Kind: "language", Value: "fr", Records: 20}, {Kind: "language", Value: "go", Records: 100}, {Kind: "language", Value: "other", Records: 20},
		{Kind: "licence", Value: "permissive", Records: 100}, {Kind: "licence", Value: "public-domain", Records: 20},
		{Kind: "region", Value: "not-said", Records: 100},
	}
	// 27 records are of two classes with fewer than 20 each: together they are other.
	want = slices.Insert(want, 7, protocol.Stratum{Kind: "licence", Value: "other", Records: 20})
	if !slices.Equal(got.Strata, want) {
		t.Errorf("strata\n%v\nwant\n%v", got.Strata, want)
	}
	if err := got.Check(); err != nil {
		t.Error(err)
	}
	c.Records = c.Records[:19]
	if few := Strata(root, c, "europe", "small"); len(few.Strata) > 0 || few.Check() != nil {
		t.Errorf("19 records were described: %v", few)
	}
}

func TestTongue(t *testing.T) {
	for want, text := range map[string]string{
		"en": "The fisherman came back to the harbour with nothing in his nets, and the people who had waited for him on the quay were silent.",
		"de": "Der Fischer kam mit leeren Netzen in den Hafen zurück, und die Leute, die auf ihn gewartet hatten, sagten nicht ein Wort, als er an Land ging.",
		"fr": "Le pêcheur est revenu dans le port avec ses filets vides, et les gens qui étaient sur le quai pour lui ne disaient plus rien du tout.",
		"es": "El pescador volvió al puerto con las redes vacías, y la gente que lo esperaba en el muelle no dijo una palabra cuando pasó por delante de ellos.",
		"is": "Sjómaðurinn kom til baka í höfnina og það var ekki neitt í netunum hans, en fólkið sem beið eftir honum á bryggjunni sagði að það væri í lagi.",
		"fi": "Kalastaja palasi satamaan ja verkot olivat tyhjät, mutta ihmiset jotka odottivat eivät sanoneet mitään kun hän oli niin väsynyt että ei jaksanut.",
		"ru": "Рыбак вернулся в гавань с пустыми сетями, и люди на причале молчали.",
		"uk": "Рибалка повернувся до гавані з порожніми сітями, і люди на причалі мовчали, її ніхто не питав.",
		"el": "Ο ψαράς γύρισε στο λιμάνι με άδεια δίχτυα και ο κόσμος σώπαινε.",
		"ja": "漁師は空の網を持って港に帰ってきたが、待っていた人々は何も言わなかった。",
		"zh": "渔夫带着空网回到港口,码头上等候的人们都沉默不语,没有人问他发生了什么。",
		"":   "x = 5; y = foo(x) // the bar",
	} {
		if got := Tongue(text); got != want {
			t.Errorf("Tongue(%.40q) = %q, want %q", text, got, want)
		}
		if !languageForm.MatchString(want) && want != "" {
			t.Errorf("a manifest would refuse the language %q", want)
		}
	}
}

// A repository is made by git itself; without git there is a clear answer.
func TestRepository(t *testing.T) {
	program, err := exec.LookPath("git")
	if err != nil {
		_, _, err := Read(context.Background(), Sources{Sources: []Source{{Name: "r", Kind: Git, Path: t.TempDir()}}}, nil)
		if !errors.Is(err, ErrNoGit) {
			t.Errorf("without git: %v, want ErrNoGit", err)
		}
		return
	}
	dir := folder(t, map[string]string{
		"LICENSE": "Apache License\nVersion 2.0, January 2004", "a.go": "package a // first", "old.md": "removed later", "picture": "\x00\x01",
		"secret.py": "password = 'x1y2z3w4v5u6'", "big.txt": strings.Repeat("long line\n", 40),
	})
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(program, append([]string{"-c", "user.name=Ann Author", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false"}, args...)...)
		cmd.Dir = dir
		cmd.Env = []string{"HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z"}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	run("init", "-q", "-b", "main")
	run("add", ".")
	run("commit", "-q", "-m", "Begin the work\n\nBecause ann@example.org wanted it.\n\nSigned-off-by: Ann <ann@example.org>")
	if err := os.WriteFile(filepath.Join(dir, "a.go"), []byte("package a // second"), 0o644); err != nil {
		t.Fatal(err)
	}
	run("rm", "-q", "old.md")
	run("add", ".")
	run("commit", "-q", "-m", "Go on", "--author", "Bob <bob@example.org>")
	// What a stranger's repository might try: a hook and a program to run.
	trap := filepath.Join(dir, "sprung")
	run("config", "core.fsmonitor", "touch "+trap)
	run("config", "core.pager", "touch "+trap)
	run("config", "core.alternateRefsCommand", "touch "+trap)
	run("config", "extensions.partialClone", "origin")
	run("config", "remote.origin.url", "ext::touch "+trap)
	run("config", "remote.origin.promisor", "true")

	for _, tt := range []struct {
		history, want string
		without       []string
	}{
		{Messages, "a.go:package a // second|secret.py:password = '[secret]'|history:Go on|history:Begin the work//Because [secret] wanted it.", nil},
		{NoPast, "a.go:package a // second|secret.py:password = '[secret]'", nil},
		{Versions, "history:Go on|history:Begin the work//Because [secret] wanted it.|a.go:package a // second|secret.py:password = '[secret]'|a.go:package a // first|old.md:removed later", nil},
		{Messages, "a.go:package a // second|secret.py:password = '[secret]'|history:Begin the work//Because [secret] wanted it.", []string{"bob"}},
	} {
		s := Sources{Sources: []Source{{Name: "r", Kind: Git, Path: dir, History: tt.history, Exclude: []string{"none/**"}, Without: tt.without}}, Bounds: Bounds{File: 300}}
		pieces, report := reads(t, s)
		var got []string
		for _, p := range pieces {
			file, _, _ := strings.Cut(p.Path, "#")
			got = append(got, file+":"+strings.ReplaceAll(p.Text, "\n", "/"))
			if p.Licence != "Apache-2.0" {
				t.Errorf("%s: licence %s of %s, want that of the file LICENSE", tt.history, p.Licence, p.Path)
			}
			if (p.Author != "") != (file == history) || strings.Contains(p.Author, "nn") {
				t.Errorf("author %q of %s", p.Author, p.Path)
			}
		}
		if strings.Join(got, "|") != tt.want {
			t.Errorf("history %q:\n%s\nwant:\n%s", tt.history, strings.Join(got, "|"), tt.want)
		}
		var reasons []string
		for _, skip := range report.Skipped {
			reasons = append(reasons, skip.Reason)
		}
		if !slices.Contains(reasons, "binary") || !slices.Contains(reasons, "longer than the limit of 300 bytes") {
			t.Errorf("left out %v, want a binary file and one that is too long", report.Skipped)
		}
	}
	if _, err := os.Stat(trap); !errors.Is(err, os.ErrNotExist) {
		t.Error("reading the repository ran a program that it names")
	}
	inner := filepath.Join(dir, "inner")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(context.Background(), Sources{Sources: []Source{{Name: "r", Kind: Git, Path: inner}}}, nil); err == nil || !strings.Contains(err.Error(), "not a git repository") {
		t.Errorf("a folder inside of a repository: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Read(ctx, Sources{Sources: []Source{{Name: "r", Kind: Git, Path: dir}}}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
