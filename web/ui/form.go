package ui

// Input is what a person typed into one field and what is wrong with it. A
// failed form comes back with both.
type Input struct {
	Value   string
	Problem string // a sentence that says what to change; "" when all is well
}

// TextInput is a field of one line or, in TextArea, of several.
type TextInput struct {
	ID           string // unique on the page
	Name         string // sent with the form; the ID when empty
	Label        string
	Description  string // under the label: what to write
	Help         Rich   // under the field: where to learn more
	Type         string // text when empty; password, number, date, email, url, search
	Input        Input
	Placeholder  string
	Autocomplete string
	InputMode    string
	Lang         string // language of what is typed, where it is known
	Class        string // a look for the text area, as edit-text
	Min, Max     string // bounds of a number or a date
	Size         int    // width in letters; 0 is the full width
	Rows         int    // of a text area; 0 is two
	MinLength    int
	MaxLength    int
	Required     bool
	Optional     bool // says "(optional)" beside the label
	ReadOnly     bool
}

// Options is a choice: radios, a select or checkboxes.
type Options struct {
	ID          string // unique on the page
	Name        string // sent with the form; the ID when empty
	Label       string
	Description string
	Help        Rich // under a select: where to learn more
	Problem     string
	Value       string // the chosen option of radios and selects
	Items       []Option
	Inline      bool // radios and checkboxes in one row
	Required    bool
	HideLabel   bool // for a filter whose heading says it already
}

// Option is one of the things to choose.
type Option struct {
	Value       string
	Label       string
	Description string
	AccessKey   string
	Checked     bool // of a checkbox
	Disabled    bool
}

// Action is a button: a link when it has Href, else it sends its form.
type Action struct {
	Text      string
	Href      string
	Name      string // sent with Value
	Value     string
	Look      string // "", progressive, primary, destructive
	AccessKey string
}

func (a Action) class() string {
	class := "cdx-button"
	if a.Href != "" {
		class += " cdx-button--fake-button cdx-button--fake-button--enabled"
	}
	switch a.Look {
	case "progressive":
		class += " cdx-button--action-progressive"
	case "primary":
		class += " cdx-button--action-progressive cdx-button--weight-primary"
	case "destructive":
		class += " cdx-button--action-destructive"
	}
	return class
}

// describedBy lists the ids that explain a field, the problem first.
func (t TextInput) describedBy() string {
	return joinIDs(t.ID, t.Input.Problem, t.Description, len(t.Help) > 0)
}

func joinIDs(id, problem, description string, help bool) string {
	ids := ""
	add := func(suffix string, there bool) {
		if there {
			if ids != "" {
				ids += " "
			}
			ids += id + suffix
		}
	}
	add("-err", problem != "")
	add("-desc", description != "")
	add("-help", help)
	return ids
}

// rows of a text area when none are given.
func (t TextInput) rows() int {
	if t.Rows == 0 {
		return 2
	}
	return t.Rows
}

func (t TextInput) kind() string {
	if t.Type == "" {
		return "text"
	}
	return t.Type
}

// status is Codex's class suffix for a field that has a problem.
func status(class, problem string) string {
	if problem != "" {
		return class + " " + class + "--status-error"
	}
	return class
}

func (t TextInput) name() string { return either(t.Name, t.ID) }

func (o Options) name() string { return either(o.Name, o.ID) }

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
