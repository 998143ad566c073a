package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
)

// sources reads the owner's list of sources in a node's folder; found is false
// where there is none.
func sources(dir string) (s localdata.Sources, found bool, err error) {
	s, err = localdata.ReadSources(filepath.Join(dir, localdata.SourcesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	return s, err == nil, err
}

// read reads the text: the folder of the command line, or else the sources of
// the file, which is read again each time, so that what the owner opts out
// holds from the next look on.
func (r *runner) read(ctx context.Context) ([]localdata.Piece, localdata.Report, error) {
	if r.Folder != "" {
		return localdata.Scan(ctx, r.Folder, r.Text)
	}
	s, found, err := sources(r.Dir)
	if err == nil && !found {
		err = errNoSources
	}
	if err != nil {
		return nil, localdata.Report{}, err
	}
	out, erased, err := r.state.records.OptOut(s)
	if err != nil {
		return nil, localdata.Report{}, err
	}
	r.Region, r.out = s.Region, int64(out)
	if erased > 0 {
		r.say("you opted out %d records that were trained on: no round and no replay uses them any more, and %d stored copies were deleted. The weights of past rounds still hold what was learned from them; to have that forgotten too, ask for it on the site (Help: unlearning)", out, erased)
	}
	pieces, report, err := localdata.Read(ctx, s, r.state.records.Salt())
	if report.Asked > 0 {
		r.say("%d pieces wait for your word, because their licence is not known: “node preview” lists them; write “licence” beside a source in %s, or “unknown” beside all: train or leave", report.Asked, localdata.SourcesFile)
	}
	return pieces, report, err
}

var errNoSources = fmt.Errorf("say which text to train on: --text FOLDER, or name sources in the file %s of the node's folder", localdata.SourcesFile)

// strata describes the make-up of the text as it was last read.
func (r *runner) strata() protocol.Strata {
	c := r.text.Corpus
	if r.text.summary.Records == 0 { // all of it is suppressed
		c = localdata.Corpus{}
	}
	return localdata.Strata(r.text.summary.Root, c, r.Region, hardwareClass(Capabilities()))
}

// tellStrata sends it, if the platform does not have it, and returns its digest.
// A platform that does not know the message yet is left alone.
func (r *runner) tellStrata(ctx context.Context, last training.Digest) (training.Digest, error) {
	s := r.strata()
	text, err := json.Marshal(s)
	if err != nil {
		return last, err
	}
	digest := training.DigestOf(text)
	if digest == last {
		return last, nil
	}
	err = r.client.post(ctx, protocol.PathStrata, s, "strata-"+digest.Hex()[:32], nil)
	if isRefusal(err, http.StatusNotFound) {
		return last, nil
	}
	return digest, err
}

// hardwareClass is a machine's class: coarse, so that it does not point at one
// machine.
func hardwareClass(c protocol.Capabilities) string {
	switch {
	case c.Accelerator != "":
		return "accelerator"
	case c.Threads >= 16:
		return "large"
	case c.Threads >= 4:
		return "medium"
	}
	return "small"
}
