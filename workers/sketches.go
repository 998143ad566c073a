package workers

import (
	"bytes"
	"fmt"
	"io"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/keys"
	"codeberg.org/althing/althing/training/checks"
	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/rounds"
	"filippo.io/age"
)

// openSketches decrypts what is remembered of the nodes of a round. What no key
// opens any more is forgotten.
func openSketches(ring *keys.Ring, in rounds.Inputs) (rounds.Inputs, error) {
	plain, failed := make([][]byte, len(in.Updates)), make([]error, len(in.Updates))
	fedavg.Split(len(in.Updates), 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			plain[i], failed[i] = openSketch(ring, in.Updates[i].Owner, in.Facts[in.Updates[i].Node].Past)
		}
	})
	known := make(map[governance.NodeID]rounds.Fact, len(in.Facts))
	for i, u := range in.Updates {
		if failed[i] != nil {
			return in, fmt.Errorf("open sketch of node %d: %w", u.Node, failed[i])
		}
		f := in.Facts[u.Node]
		f.Past = plain[i]
		known[u.Node] = f
	}
	in.Facts = known
	return in, nil
}

func openSketch(ring *keys.Ring, owner governance.MemberID, sealed []byte) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	identity, err := ring.Contributor(int64(owner))
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(bytes.NewReader(sealed), identity)
	if err != nil {
		return nil, nil // forgotten with the key
	}
	return io.ReadAll(io.LimitReader(plain, checks.Size+1))
}

// sealSketches encrypts what is remembered of nodes to their owners' keys.
func sealSketches(ring *keys.Ring, in rounds.Inputs, verdicts map[governance.NodeID]rounds.Verdict) error {
	sealed, failed := make([][]byte, len(in.Updates)), make([]error, len(in.Updates))
	fedavg.Split(len(in.Updates), 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			if v := verdicts[in.Updates[i].Node]; v.Sketch != nil {
				sealed[i], failed[i] = sealSketch(ring, in.Updates[i].Owner, v.Sketch)
			}
		}
	})
	for i, u := range in.Updates {
		if failed[i] != nil {
			return fmt.Errorf("seal sketch of node %d: %w", u.Node, failed[i])
		}
		if v := verdicts[u.Node]; sealed[i] != nil {
			v.Sketch = sealed[i]
			verdicts[u.Node] = v
		}
	}
	return nil
}

func sealSketch(ring *keys.Ring, owner governance.MemberID, plain []byte) ([]byte, error) {
	identity, err := ring.Contributor(int64(owner))
	if err != nil {
		return nil, err
	}
	var sealed bytes.Buffer
	to, err := age.Encrypt(&sealed, identity.Recipient())
	if err == nil {
		_, err = to.Write(plain)
	}
	if err == nil {
		err = to.Close()
	}
	return sealed.Bytes(), err
}
