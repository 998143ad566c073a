package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/corpus"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// strata reads what the nodes bring and what running campaigns want more of.
func (s *Site) strata(ctx context.Context) (pages.Strata, error) {
	there, err := s.Corpus.Strata(ctx)
	if err != nil {
		return pages.Strata{}, err
	}
	campaigns, err := s.Rounds.Campaigns(ctx, 0)
	if err != nil {
		return pages.Strata{}, err
	}
	campaigns = slices.DeleteFunc(campaigns, func(c rounds.Campaign) bool { return c.State != rounds.Running })
	return strataView(there, campaigns), nil
}

// strataView puts the counts of the community and the lacks of campaigns into
// words.
func strataView(there []corpus.StratumCount, running []rounds.Campaign) pages.Strata {
	v := pages.Strata{Groups: stratumGroups(there)}
	asked := false
	for _, c := range running {
		asked = asked || c.Recipe.Selection.Floor > 0
		if lacks := lackText(corpus.Lacks(c.Recipe.Selection, there), c.Recipe.Selection.Strata); lacks != "" {
			v.Lacks = append(v.Lacks, pages.CampaignLack{Name: fmt.Sprintf("Campaign %d", c.ID), Href: href.Campaign(int64(c.ID)), Lacks: lacks})
		}
	}
	v.Met = asked && len(v.Lacks) == 0
	return v
}

// stratumGroups groups counts by kind, for the node pages and for those of
// rounds and campaigns.
func stratumGroups(there []corpus.StratumCount) []pages.StratumGroup {
	var groups []pages.StratumGroup
	last := ""
	for _, c := range there {
		if c.Kind != last {
			groups = append(groups, pages.StratumGroup{Kind: capital(c.Kind)})
			last = c.Kind
		}
		g := &groups[len(groups)-1]
		g.Lines = append(g.Lines, pages.StratumLine{
			Name: stratumWord(c.Kind, c.Value), Nodes: int(c.Nodes), Members: int(c.Members), Records: "at least " + ui.Count(c.Records),
		})
	}
	return groups
}

// lackText lists lacks: “French (2 of 3 nodes)”.
func lackText(lacks []corpus.Lack, kind string) string {
	var list []string
	for _, l := range lacks {
		list = append(list, fmt.Sprintf("%s (%d of %d nodes)", stratumWord(kind, l.Value), l.Nodes, l.Floor))
	}
	return strings.Join(list, ", ")
}

// strataOfNode says what one node told of itself, a fact for each kind.
func (s *Site) strataOfNode(ctx context.Context, node governance.NodeID) ([]ui.Fact, error) {
	list, err := s.Corpus.StrataOfNode(ctx, node)
	if err != nil {
		return nil, err
	}
	var facts []ui.Fact
	texts := map[string][]string{}
	for _, l := range list {
		if len(texts[l.Kind]) == 0 {
			facts = append(facts, ui.Fact{Label: capital(l.Kind)})
		}
		text := stratumWord(l.Kind, l.Value)
		if l.Kind == "language" || l.Kind == "domain" || l.Kind == "licence" {
			text += " " + ui.Count(l.Records) + "+"
		}
		texts[l.Kind] = append(texts[l.Kind], text)
		facts[len(facts)-1].Value = ui.Plain(strings.Join(texts[l.Kind], ", "))
	}
	return facts, nil
}

func capital(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// stratumNames are words for what nodes declare; what is not here is shown as
// it was declared.
var stratumNames = map[string]map[string]string{
	"language": {
		"ar": "Arabic", "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
		"es": "Spanish", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian",
		"hy": "Armenian", "is": "Icelandic", "it": "Italian", "ja": "Japanese", "ka": "Georgian", "ko": "Korean", "nl": "Dutch",
		"no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "ta": "Tamil", "th": "Thai",
		"tr": "Turkish", "uk": "Ukrainian", "zh": "Chinese", "text": "text in a language that was not told", "other": "other languages",
	},
	"domain": {
		"docs": "documentation", "issues": "issues of trackers", "chat": "chats", "other": "other text",
	},
	"licence": {
		"public-domain": "public domain", "weak-copyleft": "copyleft for files", "share-alike": "share alike", "restricted": "no commerce or no changes",
		"unknown": "not stated", "other": "other licences",
	},
	"region":   {"africa": "Africa", "asia": "Asia", "europe": "Europe", "latin-america": "Latin America", "north-america": "North America", "oceania": "Oceania", "not-said": "not said"},
	"hardware": {"accelerator": "with an accelerator", "large": "16 threads or more", "medium": "4 to 15 threads", "small": "fewer than 4 threads"},
}

func stratumWord(kind, value string) string {
	if name, ok := stratumNames[kind][value]; ok {
		return name
	}
	return value
}
