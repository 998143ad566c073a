package workers

import (
	"context"
	"embed"
	"fmt"
	"strings"

	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/wikitext"
	"github.com/riverqueue/river"
)

//go:embed texts/*.md
var texts embed.FS

// Founding is the job that gives a new community its first model and its first
// pages: help, privacy, how decisions are made. Members edit them like any
// other. model imports the first version; it may be called again.
func Founding(store *pages.Pages, model func(context.Context) error) Add {
	return func(all *river.Workers) { river.AddWorker(all, &foundingWorker{store: store, model: model}) }
}

type foundingWorker struct {
	river.WorkerDefaults[policies.FoundedArgs]
	store *pages.Pages
	model func(context.Context) error
}

// Work imports the model and writes the pages that are not there yet.
func (w *foundingWorker) Work(ctx context.Context, job *river.Job[policies.FoundedArgs]) error {
	if err := w.model(ctx); err != nil {
		return err
	}
	files, err := texts.ReadDir("texts")
	if err != nil {
		return fmt.Errorf("first pages: %w", err)
	}
	var drafts []pages.Draft
	for _, f := range files {
		body, err := texts.ReadFile("texts/" + f.Name())
		if err != nil {
			return fmt.Errorf("first pages: %w", err)
		}
		html, err := wikitext.Render(string(body))
		if err != nil {
			return fmt.Errorf("first page %s: %w", f.Name(), err)
		}
		drafts = append(drafts, pages.Draft{Title: titleOf(f.Name()), Body: string(body), HTML: html, Summary: "First text of a new community"})
	}
	_, err = w.store.Begin(ctx, actor(job), drafts)
	return settled(err)
}

// titleOf makes a title of a file's name: Help_Nodes.md is Help:Nodes.
func titleOf(file string) string {
	return strings.ReplaceAll(strings.TrimSuffix(file, ".md"), "_", ":")
}
