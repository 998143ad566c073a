package main_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var paperRules = []rule{
	{"top folders", "the folders at the top are fixed, so that everybody finds everything; a new one needs a reason in ARCHITECTURE.md", checkTop},
	{"ARCHITECTURE.md names what exists", "a map of rooms that are not there is worse than none", checkMap},
	{"additions are explained", "what was added to the plan of the house is in ARCHITECTURE.md with its reason", checkAdditions},
	{"make prints its help", "a target that the help does not explain is found by nobody", checkMake},
	{"licence", "AGPL-3.0-or-later: the text of the Free Software Foundation, unmodified", checkLicence},
	{"one page", "ARCHITECTURE.md is read in one sitting by everyone who joins", checkOnePage},
}

func checkTop(h *house) (list []finding) {
	top := strings.Fields("web handlers governance training workers migrations static docs bin") // bin is what make builds
	for dir := range h.folders {
		if dir != "." && !strings.Contains(dir, "/") && !slices.Contains(top, dir) {
			list = append(list, found(dir, "is a new folder at the top"))
		}
	}
	return list
}

func architecture(h *house) string {
	for _, f := range h.files {
		if f.path == "ARCHITECTURE.md" {
			return f.text
		}
	}
	return ""
}

// spans are the words in back quotes.
var spans = regexp.MustCompile("`([^`\n]+)`")

func checkMap(h *house) (list []finding) {
	text := architecture(h)
	if text == "" {
		return []finding{found("ARCHITECTURE.md", "is missing")}
	}
	for _, m := range spans.FindAllStringSubmatchIndex(text, -1) {
		name := strings.TrimSuffix(text[m[2]:m[3]], "/")
		first, _, deep := strings.Cut(name, "/")
		known := slices.Contains([]string{"web", "handlers", "governance", "training", "workers", "migrations", "static", "docs"}, first)
		if !known || !regexp.MustCompile(`^[a-z0-9_/.]+$`).MatchString(name) || deep && strings.HasSuffix(name, ".") {
			continue
		}
		if _, err := fs.Stat(h.root, name); err != nil {
			list = append(list, found("ARCHITECTURE.md:"+strconv.Itoa(lineOf(text, m[0])), "%s is not there", name))
		}
	}
	return list
}

func checkAdditions(h *house) (list []finding) {
	_, section, ok := strings.Cut(architecture(h), "## What was added")
	if !ok {
		return []finding{found("ARCHITECTURE.md", `has no part "What was added"`)}
	}
	for _, a := range added {
		if !strings.Contains(section, "`"+a.from+"`") {
			list = append(list, found("ARCHITECTURE.md", "does not say why `%s` may import %s: %s", a.from, a.to, a.why))
		}
	}
	return list
}

func checkMake(h *house) (list []finding) {
	data, err := fs.ReadFile(h.root, "Makefile")
	if err != nil {
		return []finding{found("Makefile", "%v", err)}
	}
	for i, line := range strings.Split(string(data), "\n") {
		target := regexp.MustCompile(`^([a-z]+):[^=]`).FindStringSubmatch(line)
		if target != nil && !strings.Contains(line, "## ") {
			list = append(list, found("Makefile:"+strconv.Itoa(i+1), "%s has no words", target[1]))
		}
		for _, m := range regexp.MustCompile(`\./((?:[a-z]+/)*[a-z]+)\b`).FindAllStringSubmatch(line, -1) {
			if _, err := fs.Stat(h.root, m[1]); err != nil {
				list = append(list, found("Makefile:"+strconv.Itoa(i+1), "%s is not there", m[1]))
			}
		}
	}
	return list
}

// agpl is the SHA-256 of https://www.gnu.org/licenses/agpl-3.0.txt.
const agpl = "0d96a4ff68ad6d4b6f1f30f713b18d5184912ba8dd389f86aa7710db079abcb0"

func checkLicence(h *house) []finding {
	data, err := fs.ReadFile(h.root, "LICENSE")
	if err != nil {
		return []finding{found("LICENSE", "%v", err)}
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != agpl {
		return []finding{found("LICENSE", "is not the text of AGPL-3.0")}
	}
	return nil
}

func checkOnePage(h *house) (list []finding) {
	if n := strings.Count(architecture(h), "\n"); n > 150 {
		list = append(list, found("ARCHITECTURE.md", "has %d lines", n))
	}
	return list
}
