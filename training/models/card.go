package models

import (
	"fmt"
	"strings"

	"codeberg.org/althing/althing/training"
)

// Facts is what the card of a trained version states.
type Facts struct {
	Name      string
	Licence   string // SPDX identifier
	Parent    string // name of the version before
	Campaign  training.CampaignID
	Proposal  int64
	Rounds    int // accepted
	Nodes     int // whose updates counted
	Base      training.Digest
	Weights   training.Digest
	Loss      string // mean on members' validation records at the end, nats, decimal; "" if not measured
	LossBase  string // of the version before, on the same records
	Forgets   bool   // the version is the replay of an unlearning case
	Arith     string
	Languages []string // BCP 47
}

// Card writes the README.md of a version: the YAML header that Hugging Face
// reads, and for people what it was trained from, under which decision, and
// how far it may be trusted.
func Card(f Facts) string {
	var b strings.Builder
	fmt.Fprintf(&b, "---\nlicense: %s\nlibrary_name: transformers\npipeline_tag: text-generation\n", f.Licence)
	if len(f.Languages) > 0 {
		b.WriteString("language:\n")
		for _, l := range f.Languages {
			fmt.Fprintf(&b, "- %s\n", l)
		}
	}
	fmt.Fprintf(&b, "---\n\n# %s\n\n", f.Name)
	fmt.Fprintf(&b, "Trained by its community from %s, in campaign %d under proposal %d, by federated averaging: %d rounds, %d nodes. ",
		f.Parent, f.Campaign, f.Proposal, f.Rounds, f.Nodes)
	b.WriteString("The text stayed on the nodes.\n\n")
	if f.Forgets {
		b.WriteString("This version replaces one that was trained on a contributor's records. It was trained again, from the last checkpoint that those records had not touched and without them, with the same cohorts and seeds.\n\n")
	}
	fmt.Fprintf(&b, "| What | Value |\n|---|---|\n| Weights | `%s` |\n| Began from | `%s` |\n| Arithmetic | %s |\n", f.Weights, f.Base, f.Arith)
	if f.Loss != "" {
		fmt.Fprintf(&b, "| Loss on members' validation records | %s nats per token (the version before: %s) |\n", f.Loss, f.LossBase)
	}
	b.WriteString("\nThe losses were measured by members on text of their own and added up; no single node's figure is known to the platform's pages. ")
	b.WriteString("A language model states falsehoods with confidence: check what matters.\n")
	return b.String()
}
