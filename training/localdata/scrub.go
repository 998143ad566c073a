package localdata

import (
	"math"
	"regexp"
	"slices"
	"strings"
)

// Marker stands where a secret stood. It is fixed, so that a model learns one
// harmless word instead of the shape of the secret.
const Marker = "[secret]"

// Finding says that a secret was taken out, and where; never what it was.
type Finding struct {
	Path string
	Line int    // of the file, from 1
	Kind string // "private key", "AWS key", …
}

// shape is a kind of secret within a line. A line without any of the hints is
// not searched, which is what makes reading a folder fast. The pattern's first
// group, if it has one, is the part to take out; judge, if there is one, has
// the last word on it.
type shape struct {
	kind    string
	hints   []string
	pattern *regexp.Regexp
	judge   func(value string) bool
}

// block is the one secret of several lines. Without its end it reaches to the
// end of the text.
var block = shape{
	"private key", []string{"PRIVATE KEY"},
	regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)`), nil,
}

// shapes are tried in this order on each line: the ones with a mark of their
// own first, so that a known key is not reported as some random value.
var shapes = []shape{
	{"age key", []string{"AGE-SECRET-KEY-1"}, regexp.MustCompile(`AGE-SECRET-KEY-1[0-9A-Z]{40,}`), nil},
	{"JWT", []string{"eyJ"}, regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`), nil},
	{"AWS key", []string{"AKIA", "ASIA", "AGPA", "AROA", "AIDA"}, regexp.MustCompile(`\b(?:AKIA|ASIA|AGPA|AROA|AIDA)[0-9A-Z]{16}\b`), nil},
	{"GitHub token", []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"}, regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})`), nil},
	{"GitLab token", []string{"glpat-", "gldt-", "glrt-", "glcbt-", "glptt-"}, regexp.MustCompile(`\bgl(?:pat|dt|rt|cbt|ptt)-[A-Za-z0-9_-]{20,}`), nil},
	{"Slack token", []string{"xox"}, regexp.MustCompile(`\bxox[abeoprs]-[A-Za-z0-9-]{10,}`), nil},
	{"Stripe key", []string{"k_live_", "k_test_"}, regexp.MustCompile(`\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}`), nil},
	{"Google key", []string{"AIza"}, regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{35}`), nil},
	{"API key", []string{"sk-", "hf_", "npm_", "pypi-"}, regexp.MustCompile(`\b(?:sk-[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{40,})`), nil},
	{"password in an address", []string{"://"}, regexp.MustCompile(`\b[a-z][a-z0-9+.-]*://[^\s:/@]*:([^\s/@]+)@`), notMarker},
	{"assigned secret", telling, regexp.MustCompile(`(?i)(?:` + strings.Join(telling, "|") + `)s?["']?[ \t]*(?::=|=>|[:=])[ \t]*["']?([^\s"',;]{10,})`), looksRandom},
	{"assigned random value", []string{"=", ":"}, regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_.-]*["']?[ \t]*(?::=|=>|[:=])[ \t]*["']?([A-Za-z0-9+/_-]{32,}={0,2})`), looksVeryRandom},
}

// telling are the ends of names whose values are secrets, in lower case.
var telling = []string{"password", "passwd", "passphrase", "secret", "token", "apikey", "api_key", "api-key", "access_key", "access-key", "accesskey", "private_key", "private-key", "privatekey", "credential"}

// mailShape is the shape of an address, taken out only when asked: in much text an
// address is a public signature.
var mailShape = shape{"mail address", []string{"@"}, regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`), nil}

// notMarker accepts every value but the one that is already taken out.
func notMarker(value string) bool { return value != Marker }

// looksRandom accepts a value behind a telling name: digits and letters mixed,
// at 2.8 bits per character or more, which words and placeholders
// ("changeme…", "xxxxxxxx") do not reach together with digits. A call or an
// index, as in "token = base64.Decode(x)", is code.
func looksRandom(value string) bool {
	return !expression.MatchString(value) && strings.ContainsAny(value, "0123456789") && strings.ContainsFunc(value, isLetter) && entropy(value) >= 2.8
}

// expression matches the beginning of a call, an index or a literal of a type.
var expression = regexp.MustCompile(`^[&*]?[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*[(\[{]`)

// looksVeryRandom accepts a long value behind any name: 4.3 bits per character
// is above what hexadecimal digests can reach (4), which are common and
// harmless, and needs both cases and digits, which names do not have.
func looksVeryRandom(value string) bool {
	return entropy(value) >= 4.3 && strings.ContainsAny(value, "0123456789") &&
		strings.ContainsFunc(value, func(r rune) bool { return r >= 'a' && r <= 'z' }) &&
		strings.ContainsFunc(value, func(r rune) bool { return r >= 'A' && r <= 'Z' })
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// entropy returns the Shannon entropy of the bytes of s in bits per byte.
func entropy(s string) float64 {
	var counts [256]float64
	for i := range len(s) {
		counts[s[i]]++
	}
	h := 0.0
	for _, c := range counts {
		if c > 0 {
			h -= c / float64(len(s)) * math.Log2(c/float64(len(s)))
		}
	}
	return h
}

// scrub replaces secrets in text by Marker and says where they were; lines are
// those of text. Line breaks within a secret are kept, so that later lines
// keep their numbers.
func scrub(path, text string, mails bool) (string, []Finding) {
	var findings []Finding
	if strings.Contains(text, block.hints[0]) {
		text = block.replace(text, func(at int) {
			findings = append(findings, Finding{path, 1 + strings.Count(text[:at], "\n"), block.kind})
		})
	}
	list := shapes
	if mails {
		list = append(list[:len(list):len(list)], mailShape)
	}
	var out strings.Builder
	number := 0
	for line := range strings.Lines(text) {
		number++
		lower, long := "", longRun(line)
		if strings.ContainsAny(line, ":=") && strings.ContainsAny(line, "0123456789") {
			lower = strings.ToLower(line) // only such a line can assign a secret
		}
		for _, s := range list {
			searched := line
			switch s.kind {
			case "assigned secret":
				searched = lower
			case "assigned random value":
				if !long {
					continue
				}
			}
			if slices.ContainsFunc(s.hints, func(hint string) bool { return strings.Contains(searched, hint) }) {
				line = s.replace(line, func(int) { findings = append(findings, Finding{path, number, s.kind}) })
			}
		}
		out.WriteString(line)
	}
	slices.SortStableFunc(findings, func(a, b Finding) int { return a.Line - b.Line })
	return out.String(), findings
}

// replace puts Marker, and the line breaks of what it replaces, in the place of
// each secret of this shape, and tells found where each one began.
func (s shape) replace(text string, found func(at int)) string {
	var out strings.Builder
	at := 0
	for _, m := range s.pattern.FindAllStringSubmatchIndex(text, -1) {
		from, to := m[0], m[1]
		if len(m) > 2 {
			from, to = m[2], m[3]
		}
		if s.judge != nil && !s.judge(text[from:to]) {
			continue
		}
		found(from)
		out.WriteString(text[at:from] + Marker + strings.Repeat("\n", strings.Count(text[from:to], "\n")))
		at = to
	}
	out.WriteString(text[at:])
	return out.String()
}

// longRun reports whether line has 32 or more characters of base64 in a row,
// without which it cannot hold a random value.
func longRun(line string) bool {
	run := 0
	for i := range len(line) {
		c := line[i]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '_' || c == '-' {
			if run++; run == 32 {
				return true
			}
		} else {
			run = 0
		}
	}
	return false
}
