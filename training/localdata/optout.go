package localdata

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"codeberg.org/althing/althing/training"
)

const (
	originsFile  = "origins.json"
	withheldFile = "withheld.json"
)

// OwnWish stands among the cases in Use.Suppressed for what the owner opted
// out without any case.
const OwnWish training.UnlearningID = 0

// loadOrigins reads where records came from and which are out.
func (s *Store) loadOrigins() error {
	for _, f := range []struct {
		name string
		to   any
	}{{originsFile, &s.from}, {withheldFile, &s.out}} {
		data, err := s.root.ReadFile(f.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(data, f.to)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", f.name, err) // training without it would break the owner's word
		}
	}
	s.out = sorted(s.out)
	return nil
}

// keepOrigins adds where records were found to what is known. A place that
// was once known stays: the file may be gone and the source opted out later.
func (s *Store) keepOrigins(records []Record) error {
	changed := false
	for _, r := range records {
		for _, o := range r.From {
			if o == (Origin{}) || slices.Contains(s.from[r.ID], o) {
				continue
			}
			s.from[r.ID] = append(s.from[r.ID], o)
			changed = true
		}
	}
	if !changed {
		return nil
	}
	data, err := json.Marshal(s.from)
	if err != nil {
		return err
	}
	return s.write(originsFile, data)
}

// OptOut carries the owner's settings over to what was trained on before: a
// record that came from a source, a file or a person that is out now is
// suppressed, as when a contributor leaves. No later round trains on it, no
// replay does, its stored copy is deleted. It returns how many records are out
// and how many copies were deleted now. What comes in again is free again.
//
// A text that another source holds as well is out too: its owner said so once.
// The weights of rounds that are over are not changed by this. That takes an
// unlearning case, which exact forgetting needs in any way.
func (s *Store) OptOut(settings Sources) (records, erased int, err error) {
	if s.salt == nil {
		return 0, 0, fmt.Errorf("opt out: %w", ErrPurged)
	}
	var out []training.Digest
	for id, places := range s.from {
		was := contains(s.out, id)
		if slices.ContainsFunc(places, func(o Origin) bool { return settings.excludes(o, s.salt, was) }) {
			out = append(out, id)
		}
	}
	if out = sorted(out); !slices.Equal(out, s.out) {
		data, err := json.Marshal(out)
		if err != nil {
			return 0, 0, fmt.Errorf("opt out: %w", err)
		}
		if err := s.write(withheldFile, data); err != nil {
			return 0, 0, fmt.Errorf("opt out: %w", err)
		}
		s.out = out
	}
	if len(out) > 0 {
		erased, err = s.Erase()
	}
	return len(out), erased, err
}

// excludes reports whether the settings speak of a place and say no. Of a
// source that they do not name any more, what was out stays out.
func (s Sources) excludes(o Origin, salt []byte, was bool) bool {
	if o.Source == "" {
		return false // of a folder that was given on the command line
	}
	i := slices.IndexFunc(s.Sources, func(one Source) bool { return one.Name == o.Source })
	if i < 0 {
		return was
	}
	source := s.Sources[i]
	file := source.fileOf(o.Path)
	if source.Out || file != "" && !source.admits(file) {
		return true
	}
	return o.Author != "" && slices.ContainsFunc(source.Without, func(name string) bool { return author(salt, name) == o.Author })
}

// Origins lists the sources that records which were trained on came from, with
// how many of each.
func (s *Store) Origins() map[string]int {
	counts := map[string]int{}
	for _, places := range s.from {
		named := map[string]bool{}
		for _, o := range places {
			if !named[o.Source] {
				named[o.Source] = true
				counts[o.Source]++
			}
		}
	}
	return counts
}
