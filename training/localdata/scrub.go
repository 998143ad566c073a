package localdata

import (
	"math"
	"regexp"
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

// shape is a kind of secret. The pattern's first group, if it has one, is the
// part to take out; judge, if there is one, has the last word on it.
type shape struct {
	kind    string
	pattern *regexp.Regexp
	judge   func(value string) bool
}

// shapes are tried in this order: long ones first, so that a key within a
// block is reported once. A private key block without its end reaches to the
// end of the text.
var shapes = []shape{
	{"private key", regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)`), nil},
	{"age key", regexp.MustCompile(`AGE-SECRET-KEY-1[0-9A-Z]{40,}`), nil},
	{"JWT", regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`), nil},
	{"AWS key", regexp.MustCompile(`\b(?:AKIA|ASIA|AGPA|AROA|AIDA)[0-9A-Z]{16}\b`), nil},
	{"GitHub token", regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})`), nil},
	{"GitLab token", regexp.MustCompile(`\bgl(?:pat|dt|rt|cbt|ptt)-[A-Za-z0-9_-]{20,}`), nil},
	{"Slack token", regexp.MustCompile(`\bxox[abeoprs]-[A-Za-z0-9-]{10,}`), nil},
	{"Stripe key", regexp.MustCompile(`\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}`), nil},
	{"Google key", regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{35}`), nil},
	{"API key", regexp.MustCompile(`\b(?:sk-[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{40,})`), nil},
	{"password in an address", regexp.MustCompile(`\b[a-z][a-z0-9+.-]*://[^\s:/@]*:([^\s/@]+)@`), notMarker},
	{"assigned secret", regexp.MustCompile(`(?i)(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)["']?\s*(?::=|=>|[:=])\s*["']?([^\s"',;]{10,})`), looksRandom},
	{"assigned random value", regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_.-]*["']?\s*(?::=|=>|[:=])\s*["']?([A-Za-z0-9+/_-]{32,}={0,2})`), looksVeryRandom},
}

// mail is the shape of an address, taken out only when asked: in much text an
// address is a public signature.
var mail = shape{"mail address", regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`), nil}

// notMarker accepts every value but the one that is already taken out.
func notMarker(value string) bool { return value != Marker }

// looksRandom accepts a value behind a telling name: digits and letters mixed,
// at 2.8 bits per character or more, which words and placeholders
// ("changeme…", "xxxxxxxx") do not reach together with digits.
func looksRandom(value string) bool {
	return strings.ContainsAny(value, "0123456789") && strings.ContainsFunc(value, isLetter) && entropy(value) >= 2.8
}

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
	list := shapes
	if mails {
		list = append(list[:len(list):len(list)], mail)
	}
	for _, s := range list {
		var out strings.Builder
		at, line := 0, 1
		for _, m := range s.pattern.FindAllStringSubmatchIndex(text, -1) {
			from, to := m[0], m[1]
			if len(m) > 2 {
				from, to = m[2], m[3]
			}
			if s.judge != nil && !s.judge(text[from:to]) {
				continue
			}
			line += strings.Count(text[at:from], "\n")
			findings = append(findings, Finding{path, line, s.kind})
			breaks := strings.Count(text[from:to], "\n")
			out.WriteString(text[at:from] + Marker + strings.Repeat("\n", breaks))
			at, line = to, line+breaks
		}
		if at > 0 {
			out.WriteString(text[at:])
			text = out.String()
		}
	}
	return text, findings
}
