package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// kept are curves that an earlier run wrote to a file, a line each, so that a
// study that was cut goes on with the next. A nil kept keeps nothing.
type kept struct {
	path   string
	study  string // the settings: curves of others are not taken
	mutex  sync.Mutex
	curves []curve
}

// line is what the file holds of a curve.
type line struct {
	Study string `json:"study"`
	curve
}

// readKept reads the curves of a study; a file that does not exist has none.
func readKept(path, study string) (*kept, error) {
	k := &kept{path: path, study: study}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read kept curves: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var l line
		if json.Unmarshal(lines.Bytes(), &l) == nil && l.Study == study { // the last line may be half written
			k.curves = append(k.curves, l.curve)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read kept curves: %w", err)
	}
	return k, nil
}

// find returns the curve of an arm and a rate if it was played to its end
// or for as many rounds as are asked for.
func (k *kept) find(arm string, rate float64, most int) (curve, bool) {
	if k == nil {
		return curve{}, false
	}
	for _, c := range k.curves {
		if c.Arm == arm && c.Rate == rate && (c.Reached > 0 || c.Broke != "" || c.GaveUp || c.Rounds >= most) {
			return c, true
		}
	}
	return curve{}, false
}

// add appends a curve to the file.
func (k *kept) add(c curve) error {
	if k == nil {
		return nil
	}
	data, err := json.Marshal(line{k.study, c})
	if err != nil {
		return fmt.Errorf("keep the curve of %s: %w", c.Arm, err)
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	f, err := os.OpenFile(k.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("keep the curve of %s: %w", c.Arm, err)
	}
	_, err = f.Write(append(data, '\n'))
	return errors.Join(err, f.Close())
}
