package localdata

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
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

// companion ends the name of a file that states the licence of the file which
// it is named after (REUSE specification 3.3, FSFE 2024).
const companion = ".license"

// licenceName matches the names under which projects keep their licence.
var licenceName = regexp.MustCompile(`(?i)^(?:licen[cs]e|copying|unlicense|copyright)(?:[.-][a-z0-9.-]{0,20})?$`)

// isLicence reports whether a file is read for the licence that it holds, and
// not to be trained on.
func isLicence(name string) bool {
	base := path.Base(name)
	if strings.HasSuffix(base, companion) {
		return true
	}
	_, source := languages[strings.ToLower(path.Ext(base))]
	return licenceName.MatchString(base) && (!source || strings.HasSuffix(base, ".md") || strings.HasSuffix(base, ".txt"))
}

// fingerprint is what tells a licence's text from all others: phrases that
// stand in it and phrases that do not, in the form of plainWords.
type fingerprint struct {
	licence string
	has     string
	and     string
	not     string
}

// The text of a GNU licence does not say whether later versions are meant too,
// so it counts as the narrower identifier.
var fingerprints = []fingerprint{
	{"Apache-2.0", "apache license version 2 0 january 2004", "", ""},
	{"MIT", "permission is hereby granted free of charge to any person obtaining a copy of this software", "this permission notice shall be included", ""},
	{"MIT-0", "permission is hereby granted free of charge to any person obtaining a copy of this software", "", "this permission notice shall be included"},
	{"BSD-3-Clause", "redistribution and use in source and binary forms with or without modification", "neither the name of", ""},
	{"BSD-2-Clause", "redistribution and use in source and binary forms with or without modification", "", "neither the name of"},
	{"ISC", "modify and or distribute this software for any purpose with or without fee is hereby granted provided", "", ""},
	{"0BSD", "modify and or distribute this software for any purpose with or without fee is hereby granted", "", "is hereby granted provided"},
	{"AGPL-3.0-only", "gnu affero general public license version 3 19 november 2007", "", ""},
	{"GPL-3.0-only", "gnu general public license version 3 29 june 2007", "", ""},
	{"GPL-2.0-only", "gnu general public license version 2 june 1991", "", ""},
	{"LGPL-3.0-only", "gnu lesser general public license version 3 29 june 2007", "", ""},
	{"LGPL-2.1-only", "gnu lesser general public license version 2 1 february 1999", "", ""},
	{"GFDL-1.3-only", "gnu free documentation license version 1 3", "", ""},
	{"MPL-2.0", "mozilla public license version 2 0", "", ""},
	{"EPL-2.0", "eclipse public license v 2 0", "", ""},
	{"EPL-1.0", "eclipse public license v 1 0", "", ""},
	{"EUPL-1.2", "european union public licence v 1 2", "", ""},
	{"CC0-1.0", "cc0 1 0 universal", "", ""},
	{"CC-BY-4.0", "attribution 4 0 international", "creative commons", ""},
	{"CC-BY-SA-4.0", "attribution sharealike 4 0 international", "", ""},
	{"CC-BY-NC-4.0", "attribution noncommercial 4 0 international", "", ""},
	{"CC-BY-NC-SA-4.0", "attribution noncommercial sharealike 4 0 international", "", ""},
	{"CC-BY-ND-4.0", "attribution noderivatives 4 0 international", "", ""},
	{"CC-BY-SA-3.0", "attribution sharealike 3 0 unported", "", ""},
	{"CC-BY-3.0", "attribution 3 0 unported", "", ""},
	{"Unlicense", "this is free and unencumbered software released into the public domain", "", ""},
	{"Zlib", "altered source versions must be plainly marked as such", "", ""},
	{"BSL-1.0", "boost software license version 1 0", "", ""},
	{"OFL-1.1", "sil open font license version 1 1", "", ""},
	{"WTFPL", "do what the fuck you want to public license", "", ""},
	{"ODbL-1.0", "open data commons open database license", "", ""},
	{"PDDL-1.0", "open data commons public domain dedication", "", ""},
	{"Artistic-2.0", "the artistic license 2 0", "", ""},
	{"PSF-2.0", "python software foundation license version 2", "", ""},
}

// licenceByText tells a licence by its text. None and several are unknown: the
// owner says what is meant. An SPDX line decides before the words do.
func licenceByText(text string) string {
	if stated := licenceOf(text); stated != "" {
		return stated
	}
	words := plainWords(text)
	found := ""
	for _, f := range fingerprints {
		if !strings.Contains(words, f.has) || !strings.Contains(words, f.and) || f.not != "" && strings.Contains(words, f.not) {
			continue
		}
		if found != "" {
			return unknownLicence
		}
		found = f.licence
	}
	if found == "" {
		return unknownLicence
	}
	return found
}

// plainWords reduces text to lower-case letters and digits with single blanks
// between: layout, quotes and comment marks do not change a licence.
func plainWords(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }), " ")
}
