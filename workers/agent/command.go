package agent

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
)

// Usage is what “node” without a command says.
const Usage = `node join --url ADDRESS [--token-file FILE]   join a platform; asks for the join token
node preview --text FOLDER                    show what would be trained on, and what not and why; sends nothing
node run --text FOLDER                        train on the text in FOLDER, which stays here
node run --public --text FOLDER               the same, and say that all of the text is public: for campaigns that publish updates
node run                                      train on what sources.json in the node's folder names: folders, git, issues, chats, mail
node complete --prompt TEXT                   continue a text with the model downloaded last, offline
node adapt --text FOLDER                      train an adapter for yourself, which stays here; then complete --adapter mine
node share --round N --out FILE               write what a round was trained on, for anyone who wants to train it again; public text only

Each takes --dir FOLDER, where the node keeps its key and what it must remember.
`

// Terminal is what a command reads and writes.
type Terminal struct {
	In       *os.File
	Out, Err io.Writer
}

// Command runs one of the commands of the node program: join, preview, run,
// complete, adapt, share. The slim program and the platform's own program call it alike.
func Command(ctx context.Context, args []string, t Terminal) error {
	if len(args) == 0 {
		fmt.Fprint(t.Err, Usage)
		return errors.New("say join, preview, run, complete, adapt or share")
	}
	commands := map[string]func(context.Context, *flag.FlagSet, []string, Terminal) error{
		"join": joinCommand, "preview": previewCommand, "run": runCommand, "complete": completeCommand, "adapt": adaptCommand, "share": shareCommand,
	}
	command, ok := commands[args[0]]
	if !ok {
		fmt.Fprint(t.Err, Usage)
		return fmt.Errorf("there is no command “node %s”", args[0])
	}
	flags := flag.NewFlagSet("node "+args[0], flag.ContinueOnError)
	flags.SetOutput(t.Err)
	err := command(ctx, flags, args[1:], t)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	return err
}

// DefaultDir is where a node's folder is unless its owner says otherwise:
// /var/lib/althing-node for root, else in the XDG data home.
func DefaultDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/althing-node"
	}
	home := os.Getenv("XDG_DATA_HOME")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return "althing-node"
		}
		home = filepath.Join(user, ".local", "share")
	}
	return filepath.Join(home, "althing-node")
}

// parse reads the flags and refuses anything else on the line.
func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s does not take %q", flags.Name(), flags.Arg(0))
	}
	return nil
}

func joinCommand(ctx context.Context, flags *flag.FlagSet, args []string, t Terminal) error {
	dir := flags.String("dir", DefaultDir(), "the node's folder")
	address := flags.String("url", "", "address of the platform")
	file := flags.String("token-file", "", "file with the join token; - or nothing reads the standard input")
	for _, arg := range args {
		if strings.HasPrefix(strings.TrimLeft(arg, "-"), "aj1.") {
			return errors.New("a join token on the command line can be read by everybody on this machine and stays in the shell's history. Make a new one, and type it when asked, or give --token-file")
		}
	}
	if err := parse(flags, args); err != nil {
		return err
	}
	token := io.Reader(t.In)
	if *file != "" && *file != "-" {
		f, err := os.Open(*file)
		if err != nil {
			return fmt.Errorf("read the join token: %w", err)
		}
		defer f.Close()
		token = f
	} else if info, err := t.In.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		token = &prompted{t, false}
	}
	return Join(ctx, JoinOptions{Dir: *dir, URL: *address, Token: token, Out: t.Out})
}

// prompted asks before the first byte is read.
type prompted struct {
	t     Terminal
	asked bool
}

// Read asks once and reads the terminal.
func (p *prompted) Read(b []byte) (int, error) {
	if !p.asked {
		p.asked = true
		fmt.Fprint(p.t.Out, "Join token: ")
	}
	return p.t.In.Read(b)
}

func runCommand(ctx context.Context, flags *flag.FlagSet, args []string, t Terminal) error {
	o := Options{Out: t.Out}
	var limits Limits
	var include string
	flags.StringVar(&o.Dir, "dir", DefaultDir(), "the node's folder")
	flags.StringVar(&o.Folder, "text", "", "folder of text to train on; it is only read. Without it "+localdata.SourcesFile+" in the node's folder says what")
	flags.StringVar(&o.Region, "region", "", "where you are, if you like to say so: "+strings.Join(protocol.Regions, ", "))
	flags.StringVar(&include, "include", "", "patterns of file names to read, with commas: *.md,*.txt")
	flags.StringVar(&o.Text.Licence, "licence", "", "SPDX licence of files that state none")
	flags.BoolVar(&o.Text.ScrubMail, "scrub-mail", false, "take mail addresses out as well")
	flags.StringVar(&o.Probes, "probes", "", "file of planted canaries, for tests of forgetting")
	flags.StringVar(&limits.Hours, "hours", "", "when to work, as 22:00-07:00")
	flags.IntVar(&limits.Threads, "threads", 0, "threads to compute with; 0 takes all")
	flags.Int64Var(&limits.Megabytes, "megabytes", 0, "of models, at most; 0 is 4096")
	flags.StringVar(&limits.Trainer, "trainer", TrainerAuto, "what trains: builtin, torch, or auto for the faster of the two")
	flags.Int64Var(&limits.Memory, "memory", 0, "megabytes of memory for torch, at most; 0 is no limit")
	flags.BoolVar(&limits.Public, "public", false, "all text here is public already: take part in campaigns that publish what this node sends, hand over its texts when an update is checked, and train updates of others again")
	if err := parse(flags, args); err != nil {
		return err
	}
	if o.Region != "" && !slices.Contains(protocol.Regions, o.Region) {
		return fmt.Errorf("region %q: want one of %s", o.Region, strings.Join(protocol.Regions, ", "))
	}
	if o.Folder == "" {
		if _, found, err := sources(o.Dir); err != nil || !found {
			return cmp.Or(err, errNoSources)
		}
	}
	if include != "" {
		o.Text.Include = strings.Split(include, ",")
	}
	flags.Visit(func(f *flag.Flag) { // what is said here replaces the file
		if slices.Contains([]string{"hours", "threads", "megabytes", "trainer", "memory", "public"}, f.Name) {
			o.Limits = &limits
		}
	})
	err := Run(ctx, o)
	if errors.Is(err, localdata.ErrPurged) {
		return errors.New("this node's records were deleted; join again to go on")
	}
	return err
}

func completeCommand(ctx context.Context, flags *flag.FlagSet, args []string, t Terminal) error {
	c := Completion{Notes: t.Err}
	flags.StringVar(&c.Dir, "dir", DefaultDir(), "the node's folder")
	flags.StringVar(&c.Model, "model", "", "folder of a downloaded version, instead of the node's last model")
	flags.StringVar(&c.Prompt, "prompt", "", "text to continue")
	flags.IntVar(&c.Tokens, "tokens", 200, "how much to write at most")
	flags.Float64Var(&c.Temperature, "temperature", 0.8, "0 always takes the most likely")
	flags.IntVar(&c.TopK, "top-k", 40, "choose among that many; 0 is all")
	flags.StringVar(&c.Trainer, "trainer", TrainerBuiltin, "what computes: builtin or torch")
	flags.Float64Var(&c.TopP, "top-p", 1, "choose among the fewest that have this probability together; 1 is all")
	flags.Uint64Var(&c.Seed, "seed", 1, "the same seed writes the same text")
	flags.StringVar(&c.Adapter, "adapter", "", "name of an adapter that “node adapt” trained, or a folder of one")
	flags.IntVar(&c.Threads, "threads", 0, "threads to compute with; 0 takes all")
	if err := parse(flags, args); err != nil {
		return err
	}
	c.Threads = Limits{Threads: c.Threads}.threads()
	return Complete(ctx, c, t.Out)
}
