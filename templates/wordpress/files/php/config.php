<?php
// What the gateway adds to wp-config.php, by WORDPRESS_CONFIG_EXTRA: where the site is. It is asked at each request, so that
// the site works under any host name, with and without TLS, and after a move.
(function () {
    $site = rtrim((string) getenv('GATEWAY_SITE'), '/');
    $host = $_SERVER['HTTP_HOST'] ?? '';
    if ($site === '' && preg_match('/^[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?$/', $host)) {
        $secure = !empty($_SERVER['HTTPS']) && $_SERVER['HTTPS'] !== 'off';
        $site = ($secure ? 'https://' : 'http://') . $host;
    }
    // Without a request, as in cron, the addresses are those that the database keeps.
    if ($site !== '') {
        define('WP_HOME', $site . rtrim((string) getenv('GATEWAY_PATH'), '/'));
        define('WP_SITEURL', WP_HOME);
    }
    // The container `cron` does this.
    define('DISABLE_WP_CRON', true);
})();

// WordPress asks itself by its public address, to find out whether permalinks work, for one. That address need not lead
// anywhere from in here, and its certificate may be one that nobody signed: so such requests go to the service itself, with
// what the gateway would say of them. Written so that it counts before WordPress has a function to say it with.
$GLOBALS['wp_filter']['pre_http_request'][10][] = ['accepted_args' => 3, 'function' => function ($answer, $args, $url) {
    if ($answer !== false || !defined('WP_HOME') || !str_starts_with($url . '/', WP_HOME . '/') && !str_starts_with($url, WP_HOME . '?')) {
        return $answer;
    }
    [$scheme, $rest] = explode('://', $url, 2);
    $end = strcspn($rest, '/?#');
    $headers = is_array($args['headers'] ?? null) ? $args['headers'] : [];
    $args['headers'] = ['Host' => substr($rest, 0, $end), 'X-Forwarded-Proto' => $scheme] + $headers;
    $args['reject_unsafe_urls'] = false;
    return wp_remote_request('http://wordpress/' . ltrim(substr($rest, $end), '/'), $args);
}];
