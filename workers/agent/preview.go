package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"codeberg.org/althing/althing/training/localdata"
)

// Previewing says what to look at.
type Previewing struct {
	Sources localdata.Sources
	Sample  int // records to show
	Skipped int // files to name that were left out
}

// Preview writes what a node would train on, and what it would leave out and
// why. It reads the same way as the node does, opens no network, and keeps
// nothing.
func Preview(ctx context.Context, p Previewing, out io.Writer) error {
	var salt [32]byte
	rand.Read(salt[:])
	pieces, report, err := localdata.Read(ctx, p.Sources, salt[:])
	if err != nil && !errors.Is(err, localdata.ErrNoText) {
		return err
	}
	look := localdata.Look(pieces, p.Sample)
	w := &lines{out: out}
	w.line("%d files and messages, %d bytes. %d records would be offered, %d tokens.", report.Files, report.Bytes, look.Records, look.Tokens)
	w.line("Of every 20 about 17 are trained on, 2 measure, and 1 is never used, so that forgetting can be tested.")
	for _, kind := range []string{"source", "domain", "language", "licence"} {
		w.counts("By "+kind, look.By[kind], "records")
	}
	w.dropped(report, look.Duplicates, p.Skipped)
	for _, piece := range look.Sample {
		w.line("\n── %s: %s (%s, %s, %s)", printable(piece.Source), printable(piece.Path), piece.Domain, piece.Language, orNot(piece.Licence))
		w.line("%s", excerpt(piece.Text))
	}
	w.line("\nNothing of this has left the machine.")
	return w.err
}

// lines writes until the first error.
type lines struct {
	out io.Writer
	err error
}

func (w *lines) line(format string, args ...any) {
	if w.err == nil {
		_, w.err = fmt.Fprintf(w.out, format+"\n", args...)
	}
}

func (w *lines) counts(title string, list []localdata.Count, unit string) {
	const most = 15
	if len(list) == 0 {
		return
	}
	w.line("\n%s", title)
	for i, c := range list {
		if i == most {
			w.line("  … and %d more", len(list)-most)
			break
		}
		if c.Tokens > 0 {
			w.line("  %-24s %8d %s %12d tokens", printable(c.Name), c.Records, unit, c.Tokens)
		} else {
			w.line("  %8d %s: %s", c.Records, unit, printable(c.Name))
		}
	}
}

// dropped says what is not trained on and why.
func (w *lines) dropped(report localdata.Report, duplicates, named int) {
	w.counts("Left out", report.Dropped(), "files or messages")
	for _, skip := range report.Skipped[:min(named, len(report.Skipped))] {
		w.line("    %s: %s", printable(skip.Path), printable(skip.Reason))
	}
	if rest := len(report.Skipped) - named; named > 0 && rest > 0 {
		w.line("    … and %d more", rest)
	}
	if duplicates > 0 {
		w.line("\n%d pieces are there more than once; each counts once.", duplicates)
	}
	w.counts("Taken out of the text", localdata.Counted(report.ByKind()), "times")
	for _, f := range report.Findings[:min(named, len(report.Findings))] {
		w.line("    %s, line %d: %s", printable(f.Path), f.Line, f.Kind)
	}
	w.counts("Held back by licence", localdata.Counted(report.Held), "pieces")
	if report.Asked > 0 {
		w.line("  What licence have the %d pieces that state none that is known? Write “licence” beside their source in %s (or --licence), or “unknown”: train or leave.", report.Asked, localdata.SourcesFile)
	}
	for _, name := range report.Out {
		w.line("\nYou opted out “%s”. What it gave to past rounds is suppressed when the node runs next: like leaving, for these records. Weights keep what they learned until an unlearning case is carried out.", name)
	}
}

func orNot(licence string) string {
	if licence == "" {
		return "no licence stated"
	}
	return licence
}

// excerpt is the beginning of a text, without what could move a terminal's
// cursor.
func excerpt(text string) string {
	const most = 400
	if len(text) > most {
		cut := most
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + " …"
	}
	rows := strings.Split(text, "\n")
	for i := range rows {
		rows[i] = printable(strings.ReplaceAll(rows[i], "\t", "    "))
	}
	return strings.Join(rows, "\n")
}

func previewCommand(ctx context.Context, flags *flag.FlagSet, args []string, t Terminal) error {
	dir := flags.String("dir", DefaultDir(), "the node's folder, whose "+localdata.SourcesFile+" is read where no source is named here")
	given := map[string]*string{}
	for kind, what := range map[string]string{
		localdata.Folder: "folder of text and code", localdata.Git: "repository", localdata.Issues: "JSON export of an issue tracker, or a folder of them",
		localdata.Chat: "JSON export of a chat, or a folder of them", localdata.Mail: "mailbox (mbox), or a folder of mailboxes and .eml files",
	} {
		name := kind
		if kind == localdata.Folder {
			name = "text"
		}
		given[kind] = flags.String(name, "", what)
	}
	include := flags.String("include", "", "patterns of file names to read, with commas: *.md,*.txt")
	exclude := flags.String("exclude", "", "patterns of files to leave out: private/**,*.csv")
	licence := flags.String("licence", "", "SPDX licence of what states none")
	history := flags.String("history", "", "of a repository: all (every version of every file), none (no commits), or nothing for files and commits")
	unknown := flags.String("unknown", "", "records whose licence is not known: ask, train or leave")
	p := Previewing{}
	flags.IntVar(&p.Sample, "sample", 5, "records to show")
	flags.IntVar(&p.Skipped, "files", 10, "files to name that were left out")
	if err := parse(flags, args); err != nil {
		return err
	}
	for _, kind := range []string{localdata.Folder, localdata.Git, localdata.Issues, localdata.Chat, localdata.Mail} {
		if path := *given[kind]; path != "" {
			one := localdata.Source{Name: kind, Kind: kind, Path: path, Include: list(*include), Exclude: list(*exclude), Licence: *licence}
			if kind == localdata.Git {
				one.History = *history
			}
			p.Sources.Sources = append(p.Sources.Sources, one)
		}
	}
	if len(p.Sources.Sources) == 0 {
		s, found, err := sources(*dir)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("there is nothing to look at: name a source (--text FOLDER), or write %s", filepath.Join(*dir, localdata.SourcesFile))
		}
		p.Sources = s
	}
	if *unknown != "" {
		p.Sources.Unknown = *unknown
	}
	return Preview(ctx, p, t.Out)
}

// list splits what stands between commas.
func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}
