package localdata

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// licences are the identifiers of the SPDX licence list that a manifest may
// name. The list is closed because a manifest leaves the machine: a line
// "SPDX-License-Identifier:" with anything behind it must not carry text out.
var licences = strings.Fields(`
	0BSD AFL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause
	BSL-1.0 CC-BY-2.0 CC-BY-3.0 CC-BY-4.0 CC-BY-NC-4.0 CC-BY-NC-SA-4.0 CC-BY-ND-4.0 CC-BY-SA-2.0
	CC-BY-SA-3.0 CC-BY-SA-4.0 CC-PDDC CC0-1.0 CDDL-1.0 EPL-1.0 EPL-2.0 EUPL-1.1 EUPL-1.2 GFDL-1.3-only
	GFDL-1.3-or-later GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later ISC LGPL-2.1-only
	LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later MIT MIT-0 MPL-2.0 ODbL-1.0 OFL-1.1 PDDL-1.0
	PSF-2.0 Python-2.0 Unicode-3.0 Unlicense WTFPL Zlib`)

// unknownLicence stands for an identifier outside the list.
const unknownLicence = "LicenseRef-unknown"

// spdx matches the line of the SPDX specification, Annex E, up to its end.
var spdx = regexp.MustCompile(`(?m)SPDX-License-Identifier:[ \t]*([^\n]*)`)

// licenceOf returns the expression of the first SPDX line of text, reduced to
// known identifiers and operators, or "" without one.
func licenceOf(text string) string {
	const top = 4096 // bytes in which a file states its licence
	m := spdx.FindStringSubmatch(text[:min(len(text), top)])
	if m == nil {
		return ""
	}
	return knownLicence(m[1])
}

// knownLicence reduces an SPDX expression to identifiers of the list joined by
// AND and OR; anything else in it makes it unknown.
func knownLicence(expression string) string {
	for _, end := range []string{"*/", "-->", "*)"} {
		expression = strings.TrimSuffix(strings.TrimSpace(expression), end)
	}
	words := strings.Fields(expression)
	if len(words)%2 == 0 || len(words) > 5 {
		return unknownLicence
	}
	for i, w := range words {
		if i%2 == 0 && !slices.Contains(licences, w) || i%2 == 1 && w != "AND" && w != "OR" {
			return unknownLicence
		}
	}
	return strings.Join(words, " ")
}

// languages guesses from the extension; it is for counting, not for decisions.
var languages = map[string]string{
	".c": "c", ".h": "c", ".cc": "c++", ".cpp": "c++", ".hpp": "c++", ".cs": "c#", ".css": "css", ".csv": "csv",
	".ex": "elixir", ".go": "go", ".hs": "haskell", ".html": "html", ".java": "java", ".js": "javascript", ".json": "json",
	".jl": "julia", ".kt": "kotlin", ".lua": "lua", ".md": "markdown", ".ml": "ocaml", ".php": "php", ".pl": "perl", ".py": "python",
	".r": "r", ".rb": "ruby", ".rs": "rust", ".rst": "restructuredtext", ".scala": "scala", ".sh": "shell", ".sql": "sql",
	".swift": "swift", ".tex": "tex", ".toml": "toml", ".ts": "typescript", ".txt": "text", ".xml": "xml", ".yaml": "yaml",
	".yml": "yaml", ".zig": "zig",
}

// languageOf returns the language of a file by its extension, "other" for one
// that is not listed, so that no part of a name leaves the machine.
func languageOf(name string) string {
	if l, ok := languages[strings.ToLower(path.Ext(name))]; ok {
		return l
	}
	return "other"
}
