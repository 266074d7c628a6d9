#!/usr/bin/env bash
# Tomcat 10: its examples with a FORM login (/examples), an application behind such a login that keeps its session id
# (/kept), one whose login is a page of its own (/legacy), and the manager with Basic (/manager).
. "$(dirname "$0")/lib.sh"
need /usr/share/tomcat10/bin/bootstrap.jar tomcat10
need /usr/share/tomcat10-examples/examples tomcat10-examples
need /usr/share/tomcat10-admin/manager tomcat10-admin
need "$(command -v java || echo java)" default-jre-headless

mkdir -p conf/Catalina/localhost logs temp work webapps/legacy
cp /usr/share/tomcat10/etc/web.xml conf/web.xml
cat > conf/server.xml <<XML
<?xml version="1.0"?>
<Server port="-1">
  <GlobalNamingResources>
    <Resource name="UserDatabase" auth="Container" type="org.apache.catalina.UserDatabase" pathname="conf/users.xml"
      factory="org.apache.catalina.users.MemoryUserDatabaseFactory"/>
  </GlobalNamingResources>
  <Service name="Catalina">
    <Connector port="$PORT" address="127.0.0.1"/>
    <Engine name="Catalina" defaultHost="localhost">
      <Realm className="org.apache.catalina.realm.UserDatabaseRealm" resourceName="UserDatabase"/>
      <Host name="localhost" appBase="webapps" unpackWARs="false" autoDeploy="false"/>
    </Engine>
  </Service>
</Server>
XML
cat > conf/users.xml <<XML
<?xml version="1.0"?>
<tomcat-users xmlns="http://tomcat.apache.org/xml" version="1.0">
  <role rolename="tomcat"/><role rolename="manager-gui"/><role rolename="manager-script"/>
  <user username="$FIRST" password="$PASSWORD" roles="tomcat,manager-gui,manager-script"/>
  <user username="$SECOND" password="$PASSWORD" roles="tomcat"/>
</tomcat-users>
XML
ln -sfn /usr/share/tomcat10-admin/manager webapps/manager
cp -r /usr/share/tomcat10-examples/examples webapps/
mkdir -p webapps/kept/WEB-INF webapps/kept/META-INF
cat > webapps/kept/WEB-INF/web.xml <<'XML'
<?xml version="1.0"?>
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0">
  <security-constraint>
    <web-resource-collection>
      <web-resource-name>all</web-resource-name><url-pattern>/*</url-pattern>
    </web-resource-collection>
    <auth-constraint><role-name>tomcat</role-name></auth-constraint>
  </security-constraint>
  <login-config>
    <auth-method>FORM</auth-method>
    <form-login-config>
      <form-login-page>/login.jsp</form-login-page><form-error-page>/login.jsp?wrong=1</form-error-page>
    </form-login-config>
  </login-config>
  <security-role><role-name>tomcat</role-name></security-role>
</web-app>
XML
cat > webapps/kept/META-INF/context.xml <<'XML'
<Context>
  <Valve className="org.apache.catalina.authenticator.FormAuthenticator" changeSessionIdOnAuthentication="false"/>
</Context>
XML
cat > webapps/kept/login.jsp <<'JSP'
<!doctype html><title>Log in</title><p><%= request.getParameter("wrong") == null ? "" : "Wrong name or password" %></p>
<form method="post" action="<%= request.getContextPath() %>/j_security_check">
<input name="j_username"><input type="password" name="j_password"><button>Log in</button></form>
JSP
cat > webapps/kept/index.jsp <<'JSP'
<!doctype html><title>Console</title><p id="me"><%= request.getRemoteUser() %></p><a href="logout.jsp">Log out</a>
JSP
cat > webapps/kept/logout.jsp <<'JSP'
<% session.invalidate(); response.sendRedirect(request.getContextPath() + "/"); %>
JSP
cat > webapps/legacy/login.jsp <<JSP
<%@ page contentType="text/html;charset=UTF-8" %><%
  String user = request.getParameter("username"), said = "";
  if (user != null) {
    if (("$FIRST".equals(user) || "$SECOND".equals(user)) && "$PASSWORD".equals(request.getParameter("password"))) {
      session.setAttribute("user", user);
      response.sendRedirect(response.encodeRedirectURL("home.jsp"));
      return;
    }
    said = "Wrong name or password";
  }
%><!doctype html><title>Old console</title><p><%= said %></p>
<form method="post" action="<%= response.encodeURL("login.jsp") %>">
<input name="username"><input type="password" name="password"><button>Log in</button></form>
JSP
cat > webapps/legacy/home.jsp <<'JSP'
<%@ page contentType="text/html;charset=UTF-8" %><%
  if (session.getAttribute("user") == null) { response.sendRedirect(response.encodeRedirectURL("login.jsp")); return; }
%><!doctype html><title>Old console</title><p id="me"><%= session.getAttribute("user") %></p>
<a href="<%= response.encodeURL("logout.jsp") %>">Log out</a>
JSP
cat > webapps/legacy/logout.jsp <<'JSP'
<% session.invalidate(); response.sendRedirect("login.jsp"); %>
JSP
exec java -Xmx256m -XX:TieredStopAtLevel=1 -Dcatalina.base="$FOLDER" -Dcatalina.home=/usr/share/tomcat10 \
  -Djava.io.tmpdir="$FOLDER/temp" -Djava.security.egd=file:/dev/./urandom \
  -cp /usr/share/tomcat10/bin/bootstrap.jar:/usr/share/tomcat10/bin/tomcat-juli.jar \
  org.apache.catalina.startup.Bootstrap start
