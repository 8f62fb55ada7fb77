package page

import (
	"strings"
	"time"
)

// words are the texts of one page.
type words struct {
	title, text string
	// request labels the request's id; reload says that the page reloads automatically; home labels the link to the start page.
	request, reload, home string
}

// said is what a kind of page says in one language. {app} stands for the app's name, {until} for a date,
// {moved} for a path, {day} for a last day, "{: owner}" for a colon and the owner, or for nothing when there is none, and
// {renew} for how to renew a project, or for nothing.
type said struct{ title, text string }

type vocabulary struct {
	kinds           map[Kind]said
	app             string // for an app without a name
	request, reload string
	home            string
	date, day       string // the layouts of dates
	renew           string // a sentence with {project}
}

var vocabularies = map[string]vocabulary{
	"en": {
		kinds: map[Kind]said{
			Waiting:       {"Starting", "The gateway is waiting for the list of projects. This takes a few seconds."},
			Starting:      {"{app} is starting", "It was started a moment ago and is not ready yet."},
			Unhealthy:     {"{app} is unhealthy", "It runs, but its health check fails. Its owner may have to fix it{: owner}."},
			Crashing:      {"{app} keeps crashing", "It stops right after each start, and is restarted. Its owner has to fix it{: owner}."},
			Stopped:       {"{app} is stopped", "It is not running. Only its owner can start it{: owner}."},
			Expired:       {"{app} has expired", "Its last day was {day}. Its owner can renew it{: owner}.{renew}"},
			Draining:      {"{app} is stopping", "It is being stopped or replaced. A replacement is ready in a moment."},
			Waking:        {"{app} is waking up", "It was stopped because nobody used it, and is starting now. This takes a few seconds."},
			Unwoken:       {"{app} does not start", "It was stopped because nobody used it, and could not be started again. Its owner may have to fix it{: owner}."},
			Paused:        {"{app} is paused", "Its owner paused it. Requests continue when it is resumed."},
			Unreachable:   {"{app} does not answer", "It runs, but does not accept connections. It may still be starting."},
			Broken:        {"{app} closed the connection", "It ended the connection without a valid response. Try again in a moment."},
			Slow:          {"{app} takes too long", "It did not respond in time. It may still be working on the request."},
			NotFound:      {"There is no project here", "Check the address for typing mistakes, or ask the person who gave it to you."},
			Moved:         {"{app} has moved", "It is at {moved} now."},
			Gone:          {"{app} was removed", "It was here until {until}. Its container was removed then."},
			BadRequest:    {"Bad request", "The request is malformed, or its address leaves the project by dot segments."},
			Ambiguous:     {"This address is ambiguous", "An app could read it as another address on this site, which has its own limits. Write it without double slashes, dot segments, escaped slashes, backslashes and semicolons."},
			BadMethod:     {"Method not allowed", "The gateway does not forward CONNECT and TRACE."},
			Misdirected:   {"Wrong connection", "The encrypted connection was made for another host name, or for other client certificates. Open the address again in a new window."},
			NoCertificate: {"A client certificate is needed", "This host is for clients with a certificate of their own, over HTTPS. Ask the person who gave you the address."},
			Elsewhere:     {"The destination is in another project", "{app} can copy and move files only to its own addresses."},
			Internal:      {"Internal error", "The gateway logged the error. Try again in a moment."},
			LongTarget:    {"This address is too long", "The gateway does not accept addresses of this length."},
			Unexpected:    {"This expectation cannot be met", "The Expect field of the request has a value other than 100-continue."},
			LargeHead:     {"The request header is too large", "It has too many fields, or fields that are too long. Deleting this site's cookies may help."},
			Unknown:       {"Transfer coding not supported", "The request body uses a transfer coding that the gateway does not support."},
			BadVersion:    {"HTTP version not supported", "The gateway supports HTTP/1.1 and HTTP/2."},
			LargeBody:     {"The upload is too large", "{app} does not accept uploads of this size."},
			NoLength:      {"Length required", "{app} does not accept uploads without a Content-Length."},
			TooMany:       {"Too many requests", "Your address sends requests faster than this site allows. Try again in a moment."},
			Crowded:       {"Too busy", "The gateway handles as many requests as it can. Try again in a moment."},
			NoFile:        {"Page not found", "This site has no page at this address. It may have moved, or the address has a typing mistake."},
		},
		app:     "The app",
		request: "Request",
		reload:  "This page reloads automatically.",
		home:    "Start page of this site",
		date:    "2 January 2006, 15:04 MST",
		day:     "2 January 2006",
		renew:   " The command is: gateway renew {project}",
	},
	"ko": {
		kinds: map[Kind]said{
			Waiting:       {"시작하는 중입니다", "게이트웨이가 프로젝트 목록을 기다리고 있습니다. 몇 초면 됩니다."},
			Starting:      {"시작하는 중입니다: {app}", "방금 시작되어 아직 준비되지 않았습니다."},
			Unhealthy:     {"상태가 좋지 않습니다: {app}", "실행 중이지만 상태 검사에 실패했습니다. 담당자가 확인해야 할 수 있습니다{: owner}."},
			Crashing:      {"계속 중단됩니다: {app}", "시작한 뒤 바로 종료되어 다시 시작하고 있습니다. 담당자가 확인해야 합니다{: owner}."},
			Stopped:       {"중지되어 있습니다: {app}", "지금은 실행되고 있지 않습니다. 담당자만 시작할 수 있습니다{: owner}."},
			Expired:       {"기간이 끝났습니다: {app}", "마지막 날은 {day}이었습니다. 담당자가 연장할 수 있습니다{: owner}.{renew}"},
			Draining:      {"중지하는 중입니다: {app}", "중지되거나 교체되고 있습니다. 교체라면 곧 돌아옵니다."},
			Waking:        {"깨어나는 중입니다: {app}", "아무도 사용하지 않아 멈춰 있었고, 지금 시작하고 있습니다. 몇 초면 됩니다."},
			Unwoken:       {"시작되지 않습니다: {app}", "아무도 사용하지 않아 멈춰 있었는데, 다시 시작하지 못했습니다. 담당자가 확인해야 할 수 있습니다{: owner}."},
			Paused:        {"일시 중지되었습니다: {app}", "담당자가 잠시 멈춰 두었습니다. 다시 시작되면 바로 이어집니다."},
			Unreachable:   {"응답하지 않습니다: {app}", "실행 중이지만 연결을 받지 않습니다. 아직 시작하는 중일 수 있습니다."},
			Broken:        {"연결이 끊어졌습니다: {app}", "올바른 응답 없이 연결이 끊어졌습니다. 다시 시도해 보세요."},
			Slow:          {"응답이 너무 늦습니다: {app}", "제시간에 응답하지 않았습니다. 요청한 작업은 아직 진행 중일 수 있습니다."},
			NotFound:      {"여기에는 프로젝트가 없습니다", "주소에 오타가 없는지 확인하거나, 주소를 알려 준 사람에게 물어보세요."},
			Moved:         {"옮겨졌습니다: {app}", "지금은 {moved}에 있습니다."},
			Gone:          {"삭제되었습니다: {app}", "{until}까지 여기에 있었고, 그 뒤 컨테이너가 삭제되었습니다."},
			BadRequest:    {"이 요청은 읽을 수 없습니다", "형식이 잘못되었거나, 주소가 점 세그먼트로 프로젝트 밖을 가리킵니다."},
			Ambiguous:     {"주소가 모호합니다", "별도의 제한이 있는 다른 주소로 읽힐 수 있습니다. 이중 슬래시, 점 세그먼트, 이스케이프된 슬래시, 백슬래시, 세미콜론 없이 써 주세요."},
			BadMethod:     {"허용되지 않는 메서드입니다", "게이트웨이는 CONNECT와 TRACE를 전달하지 않습니다."},
			Misdirected:   {"다른 연결로 보낸 요청입니다", "이 암호화된 연결은 다른 호스트 이름이나 다른 클라이언트 인증서를 위한 것입니다. 새 창에서 주소를 다시 열어 주세요."},
			NoCertificate: {"클라이언트 인증서가 필요합니다", "이 호스트는 HTTPS로 접속하는, 인증서를 가진 클라이언트만 사용할 수 있습니다. 주소를 알려 준 사람에게 물어보세요."},
			Elsewhere:     {"대상이 다른 프로젝트에 있습니다", "파일은 같은 프로젝트의 주소로만 복사하거나 옮길 수 있습니다: {app}"},
			Internal:      {"게이트웨이에 오류가 났습니다", "오류가 기록되었습니다. 다시 시도해 보세요."},
			LongTarget:    {"주소가 너무 깁니다", "게이트웨이는 이렇게 긴 주소를 읽지 않습니다."},
			Unexpected:    {"기대를 충족할 수 없습니다", "요청의 Expect 필드에 100-continue가 아닌 값이 있습니다."},
			LargeHead:     {"요청 헤더가 너무 큽니다", "필드가 너무 길거나 너무 많습니다. 이 사이트의 쿠키를 지우면 해결될 수 있습니다."},
			Unknown:       {"이 요청은 이해할 수 없습니다", "게이트웨이가 모르는 방식으로 본문이 인코딩되어 있습니다."},
			BadVersion:    {"지원하지 않는 HTTP 버전입니다", "게이트웨이는 HTTP/1.1과 HTTP/2를 사용합니다."},
			LargeBody:     {"너무 큽니다", "이 크기의 업로드는 받지 않습니다: {app}"},
			NoLength:      {"길이가 필요합니다", "Content-Length 없는 업로드는 받지 않습니다: {app}"},
			TooMany:       {"요청이 너무 많습니다", "이 주소에서 허용된 것보다 빠르게 요청이 오고 있습니다. 잠시 후 다시 이어집니다."},
			Crowded:       {"지금은 붐빕니다", "게이트웨이가 받을 수 있는 방문자 수를 넘었습니다. 잠시 후 다시 시도해 보세요."},
			NoFile:        {"페이지를 찾을 수 없습니다", "이 사이트에는 해당 주소의 페이지가 없습니다. 옮겨졌거나 주소에 오타가 있을 수 있습니다."},
		},
		app:     "앱",
		request: "요청 번호",
		reload:  "이 페이지는 자동으로 새로 고쳐집니다.",
		home:    "이 사이트의 첫 페이지",
		date:    "2006년 1월 2일 15:04 MST",
		day:     "2006년 1월 2일",
		renew:   " 명령: gateway renew {project}",
	},
}

// maxService bounds the name of an app, in bytes, since labels may be long; maxMessage is that of an owner's message.
const (
	maxService = 80
	maxMessage = 1120
)

// shorten cuts a text to a number of bytes.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// words fills in what the page says.
func (p Page) words(language string) words {
	v := vocabularies[language]
	app := shorten(p.Service, maxService)
	if app == "" {
		app = v.app
	}
	owner := ""
	if p.Owner != "" {
		owner = ": " + shorten(p.Owner, maxService)
	}
	renew := ""
	if p.Project != "" {
		renew = strings.ReplaceAll(v.renew, "{project}", shorten(p.Project, maxService))
	}
	until := p.Until.In(time.UTC)
	fill := strings.NewReplacer("{app}", app, "{until}", until.Format(v.date), "{day}", until.Format(v.day), "{moved}", p.Moved,
		"{: owner}", owner, "{renew}", renew)
	said := v.kinds[p.Kind]
	text := fill.Replace(said.text)
	if p.Kind == Paused && p.Message != "" {
		text = shorten(p.Message, maxMessage)
	}
	home := v.home
	if p.Moved != "" {
		home = p.Moved
	}
	return words{title: fill.Replace(said.title), text: text, request: v.request, reload: v.reload, home: home}
}
