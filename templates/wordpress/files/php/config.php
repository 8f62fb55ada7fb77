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
