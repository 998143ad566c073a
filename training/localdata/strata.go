package localdata

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
)

// Strata counts the training records of a corpus for the report that leaves
// the machine: by language, domain and class of licence, each alone, with what
// has fewer than protocol.MinStratum records gathered as other. Region is what
// the owner declares ("" is not said), hardware the machine's class; both count
// all. Nothing is reported of a corpus below that floor.
func Strata(root training.Digest, c Corpus, region, hardware string) protocol.Strata {
	s := protocol.Strata{Version: protocol.StrataVersion, Root: root}
	counts := map[string]map[string]int64{protocol.ByDomain: {}, protocol.ByLanguage: {}, protocol.ByLicence: {}}
	var all int64
	for _, r := range c.Records {
		if r.Part != Train {
			continue
		}
		all++
		counts[protocol.ByDomain][cmp.Or(r.Domain, protocol.StratumOther)]++
		counts[protocol.ByLanguage][cmp.Or(r.Language, protocol.StratumOther)]++
		counts[protocol.ByLicence][LicenceClass(r.Licence)]++
	}
	add := func(kind, value string, records int64) {
		if n := protocol.Coarse(records); n > 0 {
			s.Strata = append(s.Strata, protocol.Stratum{Kind: kind, Value: value, Records: n})
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(counts)) { // domain, language, licence
		for value, n := range counts[kind] {
			if n < protocol.MinStratum && value != protocol.StratumOther {
				delete(counts[kind], value)
				counts[kind][protocol.StratumOther] += n
			}
		}
	}
	each := func(kind string) {
		for _, value := range slices.Sorted(maps.Keys(counts[kind])) {
			add(kind, value, counts[kind][value])
		}
	}
	each(protocol.ByDomain)
	add(protocol.ByHardware, hardware, all)
	each(protocol.ByLanguage)
	each(protocol.ByLicence)
	add(protocol.ByRegion, cmp.Or(region, protocol.NotSaid), all)
	return s
}

// LicenceClass is the class of an SPDX expression in a report: of several
// choices the freest, of several that hold together the strictest.
func LicenceClass(expression string) string {
	if expression == "" || expression == unknownLicence {
		return "unknown"
	}
	freest := len(protocol.LicenceClasses) - 1
	for choice := range strings.SplitSeq(expression, " OR ") {
		strictest := 0
		for one := range strings.SplitSeq(choice, " AND ") {
			strictest = max(strictest, slices.Index(protocol.LicenceClasses, classOf(one)))
		}
		freest = min(freest, strictest)
	}
	return protocol.LicenceClasses[freest]
}

// classOf is the class of one identifier of the list.
func classOf(licence string) string {
	switch licence {
	case "0BSD", "CC-PDDC", "CC0-1.0", "MIT-0", "PDDL-1.0", "Unlicense", "WTFPL":
		return "public-domain"
	case "CC-BY-SA-2.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "GFDL-1.3-only", "GFDL-1.3-or-later", "ODbL-1.0":
		return "share-alike"
	case "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0":
		return "restricted"
	}
	family, _, _ := strings.Cut(licence, "-")
	switch family {
	case "AGPL", "GPL":
		return "copyleft"
	case "LGPL", "MPL", "EPL", "EUPL", "CDDL":
		return "weak-copyleft"
	}
	if slices.Contains(licences, licence) {
		return "permissive"
	}
	return "unknown"
}
