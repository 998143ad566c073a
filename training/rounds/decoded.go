package rounds

import (
	"sync"

	"codeberg.org/althing/althing/training/protocol"
)

// decoded keeps what texts that never change were read as: a round of a
// thousand nodes reads its campaign's recipe several thousand times. Nobody
// changes what it hands out.
type decoded[T any] struct {
	mu   sync.RWMutex
	kept map[string]T
}

// remembered bounds how many texts are kept; there is one for each campaign,
// and few campaigns run at a time.
const remembered = 100

func (d *decoded[T]) read(text string) (T, error) {
	d.mu.RLock()
	v, ok := d.kept[text]
	d.mu.RUnlock()
	if ok {
		return v, nil
	}
	v, err := protocol.Decode[T]([]byte(text))
	if err != nil {
		return v, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept == nil || len(d.kept) >= remembered {
		d.kept = map[string]T{}
	}
	d.kept[text] = v
	return v, nil
}

// The texts of campaigns.
var (
	recipes decoded[protocol.Recipe]
	settled decoded[Settings]
)
