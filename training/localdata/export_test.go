package localdata

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestExports(t *testing.T) {
	for _, tt := range []struct {
		name, kind, file, text string
		want                   string // path|domain|text
		skipped                string // reasons
	}{
		{"GitHub", Issues, "issues.json", `[{"number": 7, "title": "It burns", "body": "Since *today*.\r\nmail me@example.org", "user": {"login": "ann"}, "labels": [{"name": "bug"}],
			"comments": [{"id": 12, "body": "Here too.", "user": {"login": "bob"}}]}, {"number": 8, "title": "Bump", "body": "x", "user": {"login": "dep", "type": "Bot"}}, {"number": 9, "body": null}]`,
			"#7|issues|It burns//Since *today*./mail [secret]\n#12|issues|Here too.", "written by a bot"},
		{"GitLab", Issues, "project.json", `{"name": "p", "issues": [{"iid": 3, "title": "T", "description": "D", "author": {"username": "ann"},
			"notes": [{"id": 1, "note": "N", "author": {"name": "bob"}}, {"id": 2, "note": "changed the label", "system": true}]}], "labels": [{"title": ""}]}`,
			"#3|issues|T//D\n#1|issues|N", "written by the program"},
		{"generic", Issues, "x.json", `[{"author": "ann", "body": "One.", "created": 5}, {"author": "bob", "text": "Two."}]`, "#n1|issues|One.\n#n2|issues|Two.", ""},
		{"lines", Issues, "x.ndjson", "{\"body\": \"One.\"}\n{\"body\": \"Two.\", \"comments\": [{\"body\": \"Three.\"}]}\n", "#n1|issues|One.\n#n2|issues|Three.\n#n3|issues|Two.", ""},
		{"Slack", Chat, "2026-01-01.json", `[{"type": "message", "user": "U1", "text": "Hello", "ts": "17.5"}, {"type": "message", "subtype": "channel_join", "text": "joined", "ts": "18"},
			{"type": "message", "bot_id": "B1", "text": "beep", "ts": "19"}]`, "#17.5|chat|Hello", "written by the program,written by a bot"},
		{"Matrix", Chat, "room.json", `{"room_name": "r", "messages": [{"type": "m.room.message", "event_id": "$a", "sender": "@ann:x", "content": {"msgtype": "m.text", "body": "Hi"}},
			{"type": "m.room.member", "sender": "@b:x", "content": {"displayname": "b"}}, {"type": "m.room.message", "event_id": "$c", "content": {"msgtype": "m.image", "body": "cat.jpg"}},
			{"type": "m.room.encrypted", "event_id": "$d", "content": {"ciphertext": "x"}}]}`, "#$a|chat|Hi", "no text message,no text message,encrypted"},
		{"Mattermost", Chat, "export.jsonl", `{"type": "version", "version": 1}
{"type": "post", "post": {"channel": "c", "user": "ann", "message": "Hi", "create_at": 1, "replies": [{"user": "bob", "message": "Ho"}]}}
{"type": "direct_post", "direct_post": {"user": "ann", "message": "between us"}}`, "#n1|chat|Hi\n#n2|chat|Ho", "a private message"},
		{"no export", Chat, "notes.txt", "text", "", ""},
		{"broken off", Issues, "x.json", `[{"body": "One."}, {"body": "Tw`, "#n1|issues|One.", "the rest cannot be read: unexpected EOF"},
		{"no JSON", Issues, "x.json", `[{"body": "One."}, secret words`, "#n1|issues|One.", "the rest cannot be read: no JSON after 18 bytes"},
		{"binary inside", Issues, "x.json", `[{"body": "a\u0000b"}]`, "", "binary"},
	} {
		dir := folder(t, map[string]string{tt.file: tt.text})
		r := &Report{Held: map[string]int{}}
		pieces, err := readSource(t.Context(), Source{Name: "s", Kind: tt.kind, Path: dir}, Bounds{}, []byte("salt"), r)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		var got, reasons []string
		for _, p := range pieces {
			got = append(got, strings.TrimPrefix(p.Path, tt.file)+"|"+p.Domain+"|"+strings.ReplaceAll(p.Text, "\n", "/"))
		}
		for _, s := range r.Skipped {
			reasons = append(reasons, s.Reason)
		}
		if strings.Join(got, "\n") != tt.want || strings.Join(reasons, ",") != tt.skipped {
			t.Errorf("%s:\n%s\nleft out %v\nwant:\n%s\nleft out %s", tt.name, strings.Join(got, "\n"), reasons, tt.want, tt.skipped)
		}
	}
}

func TestAuthorsAreHiddenAndLeftOut(t *testing.T) {
	dir := folder(t, map[string]string{"x.json": `[{"author": "ann", "body": "One."}, {"author": "Bob", "body": "Two."}, {"author": "ann", "body": "Three."}]`})
	s := Sources{Unknown: Take, Sources: []Source{{Name: "s", Kind: Chat, Path: filepath.Join(dir, "x.json"), Without: []string{"@bob"}}}}
	pieces, report := reads(t, s)
	if len(pieces) != 2 || pieces[0].Author == "" || pieces[0].Author != pieces[1].Author || strings.Contains(fmt.Sprint(pieces), "ann") {
		t.Errorf("pieces %v", pieces)
	}
	if author([]byte("other salt"), "ann") == pieces[0].Author {
		t.Error("another node's salt gave the same hash: names could be looked up")
	}
	if len(report.Skipped) != 1 || !strings.Contains(report.Skipped[0].Reason, "you leave out") {
		t.Errorf("left out %v", report.Skipped)
	}
}

func TestExportBounds(t *testing.T) {
	body := strings.Repeat("word ", 30)
	dir := folder(t, map[string]string{"x.json": `[{"body": "` + body + `1"}, {"body": "` + body + `2"}, {"body": "short"}]`})
	for _, tt := range []struct {
		bounds  Bounds
		pieces  int
		skipped string
	}{
		{Bounds{}, 3, ""}, {Bounds{File: 100}, 1, "longer than the limit of 100 bytes"}, {Bounds{Files: 1}, 1, "more than 1 files"},
		{Bounds{Total: 200}, 2, "more than 200 bytes together"}, {Bounds{Export: 250}, 1, "longer than the limit of 250 bytes; the rest was not read"},
	} {
		r := &Report{}
		pieces, err := readSource(t.Context(), Source{Kind: Issues, Path: dir}, tt.bounds, nil, r)
		if err != nil || len(pieces) != tt.pieces || (len(r.Skipped) > 0) != (tt.skipped != "") || tt.skipped != "" && r.Skipped[0].Reason != tt.skipped {
			t.Errorf("%+v: %d pieces, left out %v, %v; want %d and %q", tt.bounds, len(pieces), r.Skipped, err, tt.pieces, tt.skipped)
		}
	}
}

// box is a mailbox with what mail programs write.
var box = strings.ReplaceAll(`From ann@example.org Thu Jan  1 00:00:00 2026
From: Ann <ann@example.org>
Subject: =?utf-8?q?Caf=C3=A9?= tomorrow
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Shall we meet at the caf=E9?
>From here it is not far.
On Monday Bob <bob@example.org> wrote:
> quoted
-- 
Ann

From bob@example.org Thu Jan  1 00:00:00 2026
From: bob@example.org
Subject: Re: both
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

SGVsbG8g8J+YgA==
--inner
Content-Type: text/html

<b>Hello</b>
--inner--
--outer
Content-Type: text/plain
Content-Disposition: attachment; filename=x.txt

attached
--outer--

From x
Content-Type: text/html

<p>only html</p>

From x
Content-Type: text/plain; charset=ebcdic

text

From x
not a header

From x
Content-Type: multipart/encrypted; boundary=b

--b--
`, "\n", "\r\n")

func TestMailbox(t *testing.T) {
	want := "m.mbox#1|Café tomorrow//Shall we meet at the café?/From here it is not far.\nm.mbox#2|Re: both//Hello 😀"
	for _, text := range []string{box, strings.ReplaceAll(box, "\r\n", "\n")} {
		dir := folder(t, map[string]string{"m.mbox": text, "n.pdf": "x"})
		r := &Report{}
		pieces, err := readSource(t.Context(), Source{Kind: Mail, Path: dir}, Bounds{}, nil, r)
		if err != nil {
			t.Fatal(err)
		}
		var got, reasons []string
		for _, p := range pieces {
			got = append(got, p.Path+"|"+strings.ReplaceAll(p.Text, "\n", "/"))
		}
		for _, s := range r.Skipped {
			reasons = append(reasons, s.Reason)
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("mailbox:\n%s\nwant:\n%s", strings.Join(got, "\n"), want)
		}
		if got, want := strings.Join(reasons, ","), "no plain text in it,its character set is not read here,no message: its header cannot be read,encrypted,no mailbox"; got != want {
			t.Errorf("left out because %s, want %s", got, want)
		}
	}
}

func TestMailBounds(t *testing.T) {
	long := "From x\nSubject: a\n\n" + strings.Repeat("word ", 100_000) + "\n\nFrom x\nSubject: b\n\nshort\n"
	dir := folder(t, map[string]string{"inbox": long, "one.eml": "Subject: c\n\nalone\n"})
	r := &Report{}
	pieces, err := readSource(t.Context(), Source{Kind: Mail, Path: dir}, Bounds{File: 1000}, nil, r)
	if err != nil || len(pieces) != 2 || pieces[0].Text != "b\n\nshort" || pieces[1].Text != "c\n\nalone" || len(r.Skipped) != 1 {
		t.Errorf("%v, left out %v, %v; want the two short ones", pieces, r.Skipped, err)
	}
}

// whole checks what must hold for the pieces of any file.
func whole(t *testing.T, pieces []Piece) {
	t.Helper()
	for _, p := range pieces {
		if p.Text == "" || !utf8.ValidString(p.Text) || Normalise(p.Text) != p.Text || len(p.Text) > 64<<10 || !languageForm.MatchString(p.Language) || !licenceForm.MatchString(p.Licence) {
			t.Fatalf("a piece that no manifest takes: %q", p)
		}
	}
}

// fuzzed reads data as a file of a source, without the disk.
func fuzzed(t *testing.T, take func(*reading) error) {
	r := &reading{ended: t.Context().Err, source: Source{Kind: Chat}, bounds: Bounds{Files: 1000}.withDefaults(), report: &Report{}}
	_ = take(r) // a line of the report
	whole(t, r.pieces)
}

func FuzzMbox(f *testing.F) {
	f.Add([]byte(box))
	f.Add([]byte("From \n>From \nFrom "))
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzed(t, func(r *reading) error { return r.mbox("m", bytes.NewReader(data)) })
	})
}

func FuzzExport(f *testing.F) {
	f.Add([]byte(`[{"body":"a","comments":[{"body":"b"}]}]`))
	f.Add([]byte(`{"messages":[{"type":"m.room.message","content":{"msgtype":"m.text","body":"x"}}],"post":{"message":"y"}}`))
	f.Add([]byte(`{"a":{"b":[[[{}]]]}}` + "\n" + `7 null "x"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzed(t, func(r *reading) error { return r.decode("x", bytes.NewReader(data)) })
	})
}

func FuzzParseSources(f *testing.F) {
	f.Add([]byte(`{"sources":[{"name":"n","kind":"folder","path":"x","include":["*.md"]}],"region":"asia"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := ParseSources(data); err == nil && s.Check() != nil {
			t.Fatalf("%q was taken and does not hold: %v", data, s.Check())
		}
	})
}
