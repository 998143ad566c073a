package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/safetensors"
)

// What a node keeps between the rounds of a campaign, where the recipe says
// so: the residual of error feedback, or the control variate of SCAFFOLD. It
// never leaves the machine; the report names its digest.
//
//	memory/CAMPAIGN/NUMBER              kept after that round
//	memory/CAMPAIGN-CONTRIBUTOR/NUMBER  in a replay without that contributor
//
// A round reads what was kept after the newest round before it, so that a
// second attempt at a round begins where the first did. What a round keeps
// counts only when the platform took its update: until then its name ends in
// “.new”. A replay begins with nothing, because what was kept before was
// computed from weights that the forgotten records touched.
func memoryFolder(a protocol.Assignment) string {
	if a.Forget != nil {
		return fmt.Sprintf("memory/%d-%d", a.Campaign, a.Forget.Contributor)
	}
	return fmt.Sprintf("memory/%d", a.Campaign)
}

// newest returns the number of the newest round before a number of which
// something is kept, and all older ones; 0 for none.
func (s *State) newest(folder string, before int) (newest int, older []int, err error) {
	entries, err := fs.ReadDir(s.root.FS(), folder)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	var numbers []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && n < before {
			numbers = append(numbers, n)
		}
	}
	if len(numbers) == 0 {
		return 0, nil, nil
	}
	slices.Sort(numbers)
	last := len(numbers) - 1
	return numbers[last], numbers[:last], nil
}

// recall reads what was kept before the round of an assignment, nil for nothing.
func (s *State) recall(a protocol.Assignment, want int) ([]float32, error) {
	folder := memoryFolder(a)
	n, _, err := s.newest(folder, a.Number)
	if err != nil || n == 0 {
		return nil, err
	}
	data, err := s.root.ReadFile(fmt.Sprintf("%s/%d", folder, n))
	if err != nil {
		return nil, err
	}
	values, err := readValues(data, want)
	if err != nil {
		return nil, fmt.Errorf("what this node kept from round %d of campaign %d is damaged: %w", n, a.Campaign, err)
	}
	return values, nil
}

// remember writes what the node keeps after a round, which counts once the
// platform has taken the update, and returns its digest.
func (s *State) remember(a protocol.Assignment, values []float32) (training.Digest, error) {
	data := appendValues(make([]byte, 0, 4*len(values)), values)
	if err := s.root.MkdirAll(memoryFolder(a), 0o700); err != nil {
		return training.Digest{}, err
	}
	return training.DigestOf(data), s.write(fmt.Sprintf("%s/%d.kept", memoryFolder(a), a.Number), data)
}

// confirm makes what was remembered for a round count, and forgets what no
// later attempt can need any more.
func (s *State) confirm(a protocol.Assignment) error {
	if a.Kind != protocol.Train || !a.Recipe.Stateful() || a.Unlearning != 0 {
		return nil
	}
	folder := memoryFolder(a)
	name := fmt.Sprintf("%s/%d", folder, a.Number)
	if err := s.root.Rename(name+".kept", name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, older, err := s.newest(folder, a.Number)
	for _, n := range older {
		err = errors.Join(err, s.root.Remove(fmt.Sprintf("%s/%d", folder, n)))
	}
	return err
}

// readControl downloads the server's control variate, the tensor “control” of
// what the server keeps.
func (r *runner) readControl(ctx context.Context, a protocol.Assignment, want int) ([]float32, error) {
	data, err := r.fetch(ctx, a, a.Control, a.BaseSize+protocol.MaxMessage)
	if err != nil {
		return nil, err
	}
	tensors, err := safetensors.Read(strings.NewReader(string(data)), int64(len(data)))
	if err != nil {
		return nil, refuse("the server's control variate cannot be read: %v", err)
	}
	for _, t := range tensors {
		if t.Name == "control" && len(t.Data) == want {
			return t.Data, nil
		}
	}
	return nil, refuse("the server's control variate does not fit the model")
}

// fetch reads a small artefact of an assignment at once, of at most so many bytes.
func (r *runner) fetch(ctx context.Context, a protocol.Assignment, name training.Digest, most int64) ([]byte, error) {
	res, err := r.client.do(ctx, http.MethodGet, fmt.Sprintf("%s%s?assignment=%d", protocol.PathBlobs, name.Hex(), a.ID), nil, "", nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > most || training.DigestOf(data) != name {
		return nil, fmt.Errorf("%w: %s came as other bytes", errGarbled, name)
	}
	return data, nil
}
