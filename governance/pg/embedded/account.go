//go:build unix

package embedded

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// account is who the server runs as.
type account struct {
	uid, gid int
	name     string
	drop     bool // we are root and must become it
}

func (a account) String() string { return fmt.Sprintf("%s (uid %d)", a.name, a.uid) }

// accountFor chooses the account: ourselves, or for root the owner of the data
// directory when there is one. A directory that root copied is given to the
// account, since no server can run on it otherwise.
func accountFor(data string) (account, error) {
	if os.Geteuid() != 0 {
		self := account{uid: os.Geteuid(), gid: os.Getegid(), name: "this user"}
		if info, err := os.Stat(data); err == nil {
			if uid := int(info.Sys().(*syscall.Stat_t).Uid); uid != self.uid {
				return account{}, fmt.Errorf("%s belongs to uid %d and this program runs as uid %d; run it as the owner, or as root", data, uid, self.uid)
			}
		}
		return self, nil
	}
	a := dropped()
	info, err := os.Stat(data)
	if err != nil {
		return a, nil // not there yet
	}
	st := info.Sys().(*syscall.Stat_t)
	if st.Uid == 0 {
		return a, a.ownAll(data)
	}
	if int(st.Uid) != a.uid {
		a = account{uid: int(st.Uid), gid: int(st.Gid), name: "the owner of " + data, drop: true}
	}
	return a, nil
}

// dropped is the account that root's server runs as when nothing else decides.
func dropped() account {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid > 0 {
			return account{uid: uid, gid: gid, name: name, drop: true}
		}
	}
	return account{uid: 65534, gid: 65534, name: "nobody", drop: true}
}

// attributes of a child process: the account, and its own process group, so
// that Ctrl-C in the terminal reaches only us and the site can drain before
// its database stops.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attr
}

// own gives one file to the account.
func (a account) own(name string) error {
	if !a.drop {
		return nil
	}
	if err := os.Lchown(name, a.uid, a.gid); err != nil {
		return fmt.Errorf("give %s to %s: %w", name, a, err)
	}
	return nil
}

// ownAll gives a whole tree to the account, without following links.
func (a account) ownAll(root string) error {
	return filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("give %s to %s: %w", root, a, err)
		}
		return a.own(name)
	})
}

// canEnter says which folder on the way to dir, itself included, the account
// cannot enter. Without this check Postgres would end with "Permission denied"
// on a path that root sees quite well.
func (a account) canEnter(dir string) error {
	if !a.drop {
		return nil
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	at := "/"
	for _, part := range append([]string{""}, strings.Split(strings.Trim(real, "/"), "/")...) {
		at = filepath.Join(at, part)
		info, err := os.Stat(at)
		if err != nil {
			return fmt.Errorf("look at %s: %w", at, err)
		}
		st := info.Sys().(*syscall.Stat_t)
		bit := fs.FileMode(0o001)
		switch {
		case int(st.Uid) == a.uid:
			bit = 0o100
		case int(st.Gid) == a.gid:
			bit = 0o010
		}
		if info.Mode()&bit == 0 {
			return fmt.Errorf("root may not run Postgres, so it runs as %s, who cannot enter %s (mode %04o) on the way to %s; use a directory outside it, such as below /var/lib, or allow it with: chmod o+x %s",
				a, at, info.Mode().Perm(), dir, at)
		}
	}
	return nil
}
